using CsCheck;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Tokenizers;

public class ComposedFormTests
{
    // Expected values by Python's unicodedata.
    [Theory]
    [InlineData("plain caf\u00E9", "plain caf\u00E9")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\u1112\u1161", "\uD558")]
    [InlineData("\uD55C\u11A8", "\uD55C\u11A8")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("a\u0328\u0301", "\u0105\u0301")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\u0B47\u0B3E", "\u0B4B")]
    [InlineData("a\u0315\u0300\u05AE\u0300b", "\u00E0\u05AE\u0300\u0315b")]
    [InlineData("\u0300a", "\u0300a")]
    public void Texts_are_composed(string text, string expected) => ComposedForm.Of(text).ShouldBe(expected);

    [Fact]
    public void A_composed_text_stays_as_it_is() =>
        Gen.OneOf(Gen.Int[0x20, 0x24F], Gen.Int[0x300, 0x36F], Gen.Int[0x900, 0xDFF], Gen.Int[0x1100, 0x11FF], Gen.Int[0xAC00, 0xACFF])
            .Array[0, 20].Sample(points =>
            {
                string composed = ComposedForm.Of(string.Concat(points.Select(char.ConvertFromUtf32)));
                ComposedForm.Of(composed).ShouldBe(composed);
            });
}
