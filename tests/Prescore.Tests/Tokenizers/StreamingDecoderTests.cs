using CsCheck;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Tokenizers;

public class StreamingDecoderTests
{
    private static readonly Lazy<ITokenizer> SmolLm2 = new(() =>
        ModelTokenizer.Load(Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")).Tokenizer);

    [Fact]
    public void Characters_come_whole_and_together_are_the_text() =>
        Gen.OneOf("a", " b", "é", "日本", "😀", "👩‍💻", "🍂", "\n").Array[0, 20].Select(parts => string.Concat(parts)).Sample(text =>
        {
            var decoder = new StreamingDecoder(SmolLm2.Value);
            List<string> parts = [.. SmolLm2.Value.Encode(text).Select(decoder.Append), decoder.Flush()];

            parts.ShouldAllBe(part => !part.Contains('\uFFFD'));
            string.Concat(parts).ShouldBe(text);
        });

    [Fact]
    public void A_character_that_is_never_completed_shows_at_the_end()
    {
        int[] ids = SmolLm2.Value.Encode("😀");
        ids.Length.ShouldBeGreaterThan(1);
        var decoder = new StreamingDecoder(SmolLm2.Value);

        decoder.Append(ids[0]).ShouldBe("");
        decoder.Flush().ShouldBe("\uFFFD");
        SmolLm2.Value.Decode(ids.AsSpan(0, 1)).ShouldBe("\uFFFD");
    }
}
