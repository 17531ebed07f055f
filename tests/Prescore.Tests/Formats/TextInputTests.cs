using System.Security.Cryptography;
using System.Text;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Formats;

public class TextInputTests
{
    [Theory]
    [InlineData("utf-8", false)]
    [InlineData("utf-8", true)]
    [InlineData("utf-16", true)]
    [InlineData("utf-16BE", true)]
    [InlineData("utf-32", true)]
    [InlineData("utf-32BE", true)]
    public void Encodings_are_known_by_their_mark_which_is_no_part_of_the_text(string name, bool mark)
    {
        // Longer than a buffer, so that characters lie across its end.
        string text = string.Concat(Enumerable.Repeat("naïve café 🦊 水, ", 9000));
        Encoding encoding = Encoding.GetEncoding(name);
        byte[] bytes = [.. mark ? encoding.GetPreamble() : [], .. encoding.GetBytes(text)];
        string? warning = null;

        using var input = new TextInput(new MemoryStream(bytes), "t") { Warning = message => warning = message };

        input.ReadToEnd().ShouldBe(text);
        warning.ShouldBeNull();
        input.Sha256().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    [Theory]
    [InlineData(new byte[] { 65, 0xE9, 66 }, "A\uFFFDB", "UTF-8 at byte 1")]
    [InlineData(new byte[] { 65, 66, 0xE2, 0x82 }, "AB\uFFFD", "UTF-8 at byte 2")]
    [InlineData(new byte[] { 0xEF, 0xBB, 0xBF, 65, 0xED, 0xA0, 0x80 }, "A\uFFFD\uFFFD\uFFFD", "UTF-8 at byte 4")]
    [InlineData(new byte[] { 0xFF, 0xFE, 0x3D, 0xD8, 65, 0 }, "\uFFFDA", "UTF-16 at byte 2")]
    [InlineData(new byte[] { 0xFF, 0xFE, 65, 0, 66 }, "A\uFFFD", "UTF-16 at byte 4")]
    [InlineData(new byte[] { 0xFF, 0xFE, 0, 0, 0, 0, 0x11, 0 }, "\uFFFD", "UTF-32 at byte 4")]
    public void Bytes_that_are_no_characters_are_replaced_and_reported_once(byte[] bytes, string text, string place)
    {
        var warnings = new List<string>();

        using var input = new TextInput(new MemoryStream(bytes), "t.txt") { Warning = warnings.Add };

        input.ReadToEnd().ShouldBe(text);
        warnings.ShouldHaveSingleItem().ShouldContain($"t.txt is not valid {place};");
    }

    [Fact]
    public void Little_of_a_long_text_is_read_for_a_few_tokens_and_they_are_those_of_the_whole()
    {
        using GgufFile file = GgufFile.Open(SharedData.Golden("gguf", "tiny-llama-f32.gguf"));
        ITokenizer tokenizer = GgufTokenizer.FromGguf(file);
        string book = File.ReadAllText(Path.Combine(SharedData.Repository, "texts", "war-and-peace-part.txt"));
        foreach (string text in new[] { book, book.Replace(" ", ""), new string('a', 400_000), new string(' ', 400_000) })
        {
            var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
            using var input = new TextInput(stream, "t");

            int[] tokens = TokenPrefix.Read(tokenizer, input, 500);

            tokens.ShouldBe(tokenizer.EncodePrefix(text, 500));
            stream.Position.ShouldBeLessThan(300_000);
        }
    }

    [Fact]
    public void A_short_text_gives_what_it_has()
    {
        using GgufFile file = GgufFile.Open(SharedData.Golden("gguf", "tiny-llama-f32.gguf"));
        ITokenizer tokenizer = GgufTokenizer.FromGguf(file);

        TokenPrefix.Read(tokenizer, new StringReader("Hello world"), 500).ShouldBe(tokenizer.Encode("Hello world"));
        TokenPrefix.Read(tokenizer, new StringReader(""), 500).ShouldBeEmpty();
    }

    [Fact]
    public void Waiting_for_a_pipe_can_be_cancelled()
    {
        using var cancel = new CancellationTokenSource(50);
        using var input = new TextInput(new SilentPipe(), "pipe", cancel.Token);

        Should.Throw<OperationCanceledException>(input.ReadToEnd);
    }

    /// <summary>A stream whose writer never writes.</summary>
    private sealed class SilentPipe : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer)
        {
            Thread.Sleep(5000);
            return 0;
        }
    }
}
