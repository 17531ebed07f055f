using System.Text.Json;
using CsCheck;
using Microsoft.ML.Tokenizers;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;
using Prescore.Tests.Formats.Gguf;
using PreTokenizer = Prescore.Models.Tokenizers.PreTokenizer;

namespace Prescore.Tests.Tokenizers;

public class GgufTokenizerTests
{
    private static readonly string EmbeddedModel =
        Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    private static readonly Lazy<ITokenizer> Embedded = new(() =>
    {
        using GgufFile file = GgufFile.Open(EmbeddedModel);
        return GgufTokenizer.FromGguf(file);
    });

    // Letters, digits, marks, white space, code points of several planes, lone surrogates and control tokens.
    private static readonly Gen<string> Texts = Gen.OneOf(
        "a", "the", "'s", "'S", " ", "  ", "\n", "\t", "\r\n", "\u00A0", "\u3000", "5", "١", "½", "é", "e\u0301", "ß", "日本", "한국",
        "𝐀", "𠀀", "𝟘", "😀", "👩‍💻", "\uD800", "\uDC00", "-", "...", "\u200B", "\u0004", "<|im_start|>", "<|im", "Ġ")
        .Array[0, 30].Select(parts => string.Concat(parts));

    [Theory]
    [InlineData("tokenizer.jsonl", false, 250)]
    [InlineData("tokenizer_missing_bytes.jsonl", false, 7)]
    [InlineData("tokenizer_special.jsonl", true, 32)]
    public void Embedded_model_gives_the_reference_ids(string cases, bool special, int count)
    {
        CheckCases(SharedData.Golden("smollm2", cases), Embedded.Value, special).ShouldBe(count);
    }

    [Theory]
    [InlineData("tiny-llama-f32.gguf")]
    [InlineData("tiny-qwen2-f32.gguf")]
    public void Tiny_models_give_the_reference_ids(string model)
    {
        using GgufFile file = GgufFile.Open(SharedData.Golden("gguf", model));
        ITokenizer tokenizer = GgufTokenizer.FromGguf(file);
        CheckCases(SharedData.Golden("gguf", "tiny-tokenizer.jsonl"), tokenizer, special: false).ShouldBe(7);
    }

    [Fact]
    public void Chat_prompts_give_the_reference_ids() =>
        CheckCases(SharedData.Golden("smollm2", "chat.jsonl"), Embedded.Value, special: true).ShouldBe(3);

    [Fact]
    public void Book_gives_the_ids_of_an_independent_implementation()
    {
        string text = File.ReadAllText(Path.Combine(SharedData.Repository, "texts", "war-and-peace-part.txt"));
        using GgufFile file = GgufFile.Open(EmbeddedModel);
        BpeTokenizer reference = BpeTokenizer.Create(new BpeOptions(
            file.Metadata.GetArray<string>("tokenizer.ggml.tokens").Select((token, id) => KeyValuePair.Create(token, id)))
        {
            Merges = file.Metadata.GetArray<string>("tokenizer.ggml.merges"),
            ByteLevel = true,
            PreTokenizer = new Pieces(PreTokenizer.Find("smollm")!),
        });
        Embedded.Value.Encode(text).ShouldBe(reference.EncodeToIds(text, considerNormalization: false));
    }

    [Fact]
    public void Prefix_is_the_beginning_of_the_whole() =>
        Gen.Select(Texts, Gen.Int[0, 40], Gen.Bool).Sample((text, count, special) =>
        {
            int[] whole = Embedded.Value.Encode(text, special);
            Embedded.Value.EncodePrefix(text, count, special).ShouldBe(whole[..Math.Min(count, whole.Length)]);
        });

    [Fact]
    public void Decoding_gives_the_text_back() => Texts.Sample(text =>
    {
        // Byte 0x04 has no token in this vocabulary; lone surrogates have no UTF-8, even where only a 0x04 parts a pair.
        string expected = string.Concat(text.EnumerateRunes().Where(rune => rune.Value != 4));
        Embedded.Value.Decode(Embedded.Value.Encode(text)).ShouldBe(expected);
        Embedded.Value.Decode(Embedded.Value.Encode(text, special: true)).ShouldBe(expected);
    });

    [Fact]
    public void Pieces_are_the_whole_text_in_order() => Texts.Sample(text =>
    {
        int at = 0;
        PreTokenizer.Find("smollm")!.Split(text, (start, length) =>
        {
            start.ShouldBe(at);
            length.ShouldBeGreaterThan(0);
            at += length;
            return true;
        }).ShouldBeTrue();
        at.ShouldBe(text.Length);
    });

    [Theory]
    [InlineData("a𠀀b 𝐀x", new[] { "a𠀀b", " 𝐀x" })]
    [InlineData("x𝟘𝟙1", new[] { "x", "𝟘", "𝟙", "1" })]
    [InlineData("a😀😀 b", new[] { "a", "😀😀", " b" })]
    [InlineData("a  12", new[] { "a", "  ", "1", "2" })]
    [InlineData("\uD800a", new[] { "\uD800", "a" })]
    public void Pieces_are_cut_by_code_points(string text, string[] expected)
    {
        var pieces = new List<string>();
        PreTokenizer.Find("smollm")!.Split(text, (start, length) =>
        {
            pieces.Add(text.Substring(start, length));
            return true;
        });
        pieces.ShouldBe(expected);
    }

    [Fact]
    public void Pieces_of_a_million_characters_are_no_problem()
    {
        int[] ids = Embedded.Value.Encode(new string('a', 1_000_000) + new string(' ', 1_000_000));
        Embedded.Value.Decode(ids).Length.ShouldBe(2_000_000);
    }

    [Fact]
    public void Pieces_of_tokens_show_their_text()
    {
        ITokenizer tokenizer = Embedded.Value;
        tokenizer.VocabularySize.ShouldBe(49152);
        tokenizer.Piece(1).ShouldBe("<|im_start|>");
        tokenizer.Piece(260).ShouldBe(" the");
        Should.Throw<ArgumentOutOfRangeException>(() => tokenizer.Piece(49152));
        Should.Throw<ArgumentOutOfRangeException>(() => tokenizer.Piece(-1));
    }

    [Theory]
    [InlineData("gpt2", "smolm", "unknown pre-tokenizer 'smolm'; did you mean 'smollm'?")]
    [InlineData("gpt3", "smollm", "unknown tokenizer model 'gpt3'; did you mean 'gpt2'?")]
    [InlineData("gpt2", "gpt-2", "the metadata key 'tokenizer.ggml.tokens' is missing")]
    public void Unknown_tokenizers_are_refused(string model, string preTokenizer, string message)
    {
        using TemporaryFolder folder = new();
        TinyGguf.Write(folder.File("t.gguf"), ("tokenizer.ggml.model", model), ("tokenizer.ggml.pre", preTokenizer));
        using GgufFile file = GgufFile.Open(folder.File("t.gguf"));
        Should.Throw<ModelFormatException>(() => GgufTokenizer.FromGguf(file)).Message.ShouldContain(message);
    }

    [Fact]
    public void Damaged_vocabularies_are_refused()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("t.gguf");
        (string, object)[] tokenizer =
        [
            ("tokenizer.ggml.model", "gpt2"),
            ("tokenizer.ggml.pre", "gpt-2"),
            ("tokenizer.ggml.tokens", new[] { "a", "b", "ab" }),
            ("tokenizer.ggml.merges", new[] { "a b" }),
        ];
        TinyGguf.Write(path, tokenizer);
        using (GgufFile file = GgufFile.Open(path))
        {
            GgufTokenizer.FromGguf(file).Encode("abba").ShouldBe([2, 1, 0]);
        }
        string Refusal(string key, object value)
        {
            TinyGguf.Write(path, [.. tokenizer.Where(pair => pair.Item1 != key), (key, value)]);
            using GgufFile file = GgufFile.Open(path);
            return Should.Throw<ModelFormatException>(() => GgufTokenizer.FromGguf(file)).Message;
        }
        Refusal("tokenizer.ggml.merges", new[] { "a c" }).ShouldContain("the merge 'a c'");
        Refusal("tokenizer.ggml.merges", new[] { "ab" }).ShouldContain("the merge 'ab'");
        Refusal("tokenizer.ggml.token_type", new[] { 1, 1 }).ShouldContain("2 entries for 3 tokens");
        Refusal("tokenizer.ggml.tokens", 7).ShouldContain("should be array of string but is int32");
    }

    private static int CheckCases(string path, ITokenizer tokenizer, bool special)
    {
        int count = 0;
        foreach (string line in File.ReadLines(path))
        {
            JsonElement json = JsonDocument.Parse(line).RootElement;
            string text = json.GetProperty("text").GetString()!;
            int[] expected = [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            tokenizer.Encode(text, special).ShouldBe(expected, line);
            count++;
        }
        return count;
    }

    /// <summary>Our pieces for the independent byte-pair implementation.</summary>
    private sealed class Pieces(PreTokenizer preTokenizer) : Microsoft.ML.Tokenizers.PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
        {
            var pieces = new List<(int, int)>();
            preTokenizer.Split(text, (start, length) =>
            {
                pieces.Add((start, length));
                return true;
            });
            return pieces;
        }
    }
}
