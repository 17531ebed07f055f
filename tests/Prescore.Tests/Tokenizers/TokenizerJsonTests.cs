using System.Text.Json;
using System.Text.Json.Nodes;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Tokenizers;

public sealed class TokenizerJsonTests : IDisposable
{
    private static readonly string EmbeddedModel =
        Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tokenizer.jsonl", false)]
    [InlineData("tokenizer_missing_bytes.jsonl", false)]
    [InlineData("tokenizer_special.jsonl", true)]
    [InlineData("chat.jsonl", true)]
    public void The_same_vocabulary_as_json_gives_the_reference_ids(string cases, bool special)
    {
        WriteSmolLm2();
        ITokenizer tokenizer = ModelTokenizer.Load(_folder.Path).Tokenizer;
        foreach (string line in File.ReadLines(SharedData.Golden("smollm2", cases)))
        {
            JsonElement json = JsonDocument.Parse(line).RootElement;
            int[] expected = [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            tokenizer.Encode(json.GetProperty("text").GetString()!, special).ShouldBe(expected, line);
        }
    }

    [Fact]
    public void Settings_beside_it_name_the_tokens_at_the_ends()
    {
        WriteSmolLm2();
        File.WriteAllText(_folder.File("tokenizer_config.json"), """
            {"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>", "add_bos_token": true,
             "chat_template": [{"name": "tool", "template": "x"}, {"name": "default", "template": "{{ messages }}"}]}
            """);
        File.WriteAllText(_folder.File("generation_config.json"), """{"eos_token_id": [7, 8]}""");

        ModelTokenizer loaded = ModelTokenizer.Load(_folder.Path);

        loaded.ChatTemplate.ShouldBe("{{ messages }}");
        loaded.Tokenizer.Special.Begin.ShouldBe(1);
        loaded.Tokenizer.Special.Ends.ShouldBe([0, 2, 7, 8], ignoreOrder: true);
        loaded.Tokenizer.EncodePrompt("Hello").ShouldBe([1, 19556]);
        loaded.Tokenizer.EncodePrompt("<|im_start|>Hello", special: true).ShouldBe([1, 19556]);
    }

    [Fact]
    public void Whole_pieces_and_stripping_tokens_are_kept()
    {
        Write("""
            {"added_tokens": [{"id": 4, "content": "<x>", "special": true, "lstrip": true, "rstrip": true}],
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
             "model": {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2, "abb": 3}, "merges": [["a", "b"]]}}
            """);
        ITokenizer tokenizer = ModelTokenizer.Load(_folder.Path).Tokenizer;

        tokenizer.Encode("abb").ShouldBe([3]);
        tokenizer.Encode("abba").ShouldBe([2, 1, 0]);
        tokenizer.Encode("a  <x> b", special: true).ShouldBe([0, 4, 1]);
        tokenizer.VocabularySize.ShouldBe(5);
    }

    [Theory]
    [InlineData("""{"model": {"type": "Unigram", "vocab": []}}""", "'Unigram'")]
    [InlineData("""{"model": {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}}""", "dropout")]
    [InlineData("""{"model": {"vocab": {"a": 0}, "merges": ["a b"]}, "pre_tokenizer": {"type": "ByteLevel"}}""", "a b")]
    [InlineData("""{"model": {"vocab": {"a": 0}, "merges": []}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, {"type": "ByteLevel"}]}}""", "'Punctuation'")]
    [InlineData("""{"model": {"vocab": {"a": 0}, "merges": []}, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "ByteLevel"}}""", "'Lowercase'")]
    [InlineData("""{"model": {"vocab": {"a": 2000000000}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel"}}""", "2000000000")]
    [InlineData("""{"model": {"vocab": {"a": 0}, "merges": []}}""", "neither byte-level")]
    [InlineData("""{"model": 3}""", "tokenizer.json")]
    [InlineData("{", "tokenizer.json")]
    public void What_would_change_ids_and_is_not_known_is_refused(string json, string part)
    {
        Write(json);
        Should.Throw<ModelFormatException>(() => ModelTokenizer.Load(_folder.Path)).Message.ShouldContain(part);
    }

    [Fact]
    public void A_folder_without_tokenizer_is_refused() =>
        Should.Throw<ModelFormatException>(() => ModelTokenizer.Load(_folder.Path)).Message.ShouldContain("tokenizer.json");

    private void Write(string json) => File.WriteAllText(_folder.File("tokenizer.json"), json);

    private void WriteSmolLm2()
    {
        using GgufFile file = GgufFile.Open(EmbeddedModel);
        string[] tokens = file.Metadata.GetArray<string>("tokenizer.ggml.tokens");
        int[] types = file.Metadata.GetArray<int>("tokenizer.ggml.token_type");
        var vocabulary = new JsonObject();
        var added = new JsonArray();
        for (int id = 0; id < tokens.Length; id++)
        {
            vocabulary[tokens[id]] = id;
            if (types[id] is 2 or 3)
            {
                added.Add(new JsonObject { ["id"] = id, ["content"] = tokens[id], ["special"] = true });
            }
        }
        Write(new JsonObject
        {
            ["added_tokens"] = added,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Digits", ["individual_digits"] = true },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true }),
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. file.Metadata.GetArray<string>("tokenizer.ggml.merges").Select(line => JsonValue.Create(line))]),
            },
        }.ToJsonString());
    }
}
