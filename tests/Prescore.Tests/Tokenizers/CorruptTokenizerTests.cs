using System.Text;
using Prescore.Generation.Chat;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;
using Prescore.Tests.Formats;
using Prescore.Tests.Formats.Gguf;

namespace Prescore.Tests.Tokenizers;

/// <summary>Damaged tokenizers and chat templates: refused, or used on a text, see <see cref="CorruptInputs"/>.</summary>
public class CorruptTokenizerTests
{
    private const string Text = "Hello, wörld 123 <s> a b\u0301 \uD83D\uDE00  end";

    private const string ByteLevel = """
        {"version":"1.0","added_tokens":[{"id":5,"content":"<s>","special":true,"lstrip":false,"rstrip":true},{"id":6,"content":"</s>","special":true}],
        "normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
        {"type":"Split","pattern":{"Regex":"[a-z]+| "},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},
        "model":{"type":"BPE","dropout":null,"byte_fallback":false,"ignore_merges":true,"vocab":{"H":0,"e":1,"l":2,"ll":3,"ell":4},"merges":[["l","l"],"e ll"]}}
        """;

    private const string SentencePiece = """
        {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true}],
        "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
        "model":{"type":"BPE","unk_token":"<unk>","byte_fallback":true,"vocab":{"<unk>":0,"<s>":1,"<0x0A>":2,"▁":3,"a":4,"▁a":5,"n":6,"an":7},"merges":["▁ a","a n"]}}
        """;

    private const string Settings = """
        {"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true,
        "chat_template":[{"name":"tool","template":"x"},{"name":"default","template":"{% for m in messages %}<|im_start|>system\nYou are x.<|im_end|>\n{{ m.content }}{% endfor %}"}]}
        """;

    [Fact]
    public void Corrupt_byte_level_tokenizer_json_raises_nothing_but_a_format_error() => CorruptInputs.Check(
        Encoding.UTF8.GetBytes(ByteLevel), "tokenizer.json", path => InFolder(path, "tokenizer.json", Use), leastRefused: 0.2, cost: 0.25);

    [Fact]
    public void Corrupt_sentence_piece_tokenizer_json_raises_nothing_but_a_format_error() => CorruptInputs.Check(
        Encoding.UTF8.GetBytes(SentencePiece), "tokenizer.json", path => InFolder(path, "tokenizer.json", Use), leastRefused: 0.2, cost: 0.5);

    [Fact]
    public void Corrupt_settings_and_templates_raise_nothing_but_a_format_error() => CorruptInputs.Check(
        Encoding.UTF8.GetBytes(Settings), "tokenizer_config.json", path => InFolder(path, "tokenizer_config.json", folder =>
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), SentencePiece);
            Use(folder);
        }), leastRefused: 0.2, cost: 0.5);

    [Fact]
    public void Corrupt_byte_level_metadata_raises_nothing_but_a_format_error() => CheckGguf(
        ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm"), ("tokenizer.ggml.tokens", new[] { "H", "e", "l", "ll", "ell", "<s>" }),
        ("tokenizer.ggml.token_type", new[] { 1, 1, 1, 1, 1, 3 }), ("tokenizer.ggml.merges", new[] { "l l", "e ll" }),
        ("tokenizer.ggml.bos_token_id", 5), ("tokenizer.ggml.eos_token_id", 5), ("tokenizer.ggml.add_bos_token", true),
        ("tokenizer.chat_template", "{% for m in messages %}{{ '<|im_start|>' + m['role'] + m.content | trim }}{% endfor %}"));

    [Fact]
    public void Corrupt_sentence_piece_metadata_raises_nothing_but_a_format_error() => CheckGguf(
        ("tokenizer.ggml.model", "llama"), ("tokenizer.ggml.tokens", new[] { "<unk>", "<s>", "<0x0A>", "▁", "a", "▁a", "an" }),
        ("tokenizer.ggml.scores", new[] { 0f, 0, 0, -3, -4, -1, -2 }), ("tokenizer.ggml.token_type", new[] { 2, 3, 6, 1, 1, 1, 1 }),
        ("tokenizer.ggml.bos_token_id", 1), ("tokenizer.ggml.unknown_token_id", 0), ("tokenizer.ggml.add_space_prefix", true),
        ("tokenizer.ggml.remove_extra_whitespaces", true), ("tokenizer.chat_template", "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}"));

    [Fact]
    public void A_pattern_that_never_ends_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), ByteLevel.Replace("[a-z]+| ", "(a|aa|a?)*(b|a+)*$c", StringComparison.Ordinal));
        ITokenizer tokenizer = ModelTokenizer.Load(folder.Path).Tokenizer;
        Should.Throw<ModelFormatException>(() => tokenizer.Encode(new string('a', 60) + "!")).Message.ShouldContain("pattern");
    }

    private static void CheckGguf(params (string Key, object Value)[] metadata)
    {
        using var folder = new TemporaryFolder();
        TinyGguf.Write(folder.File("whole.gguf"), metadata);
        CorruptInputs.Check(File.ReadAllBytes(folder.File("whole.gguf")), "t.gguf", Use, leastRefused: 0.2, cost: 0.5);
    }

    private static void InFolder(string path, string name, Action<string> use)
    {
        string folder = path + ".folder";
        Directory.CreateDirectory(folder);
        try
        {
            File.Copy(path, Path.Combine(folder, name));
            use(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Encodes, decodes and renders with whatever the file gives.</summary>
    private static void Use(string model)
    {
        ModelTokenizer loaded = ModelTokenizer.Load(model);
        foreach (bool special in new[] { false, true })
        {
            int[] ids = loaded.Tokenizer.EncodePrompt(Text, special);
            ids.ShouldAllBe(id => id >= 0 && id < loaded.Tokenizer.VocabularySize);
            loaded.Tokenizer.Decode(ids).ShouldNotBeNull();
        }
        try
        {
            ChatTemplate.Of(loaded).Render([new ChatMessage(ChatMessage.User, "Hello")], addGenerationPrompt: true).ShouldNotBeNull();
        }
        catch (UnsupportedChatException)
        {
        }
    }
}
