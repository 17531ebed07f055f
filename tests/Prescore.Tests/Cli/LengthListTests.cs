using Prescore.Cli.Options;
using Prescore.Experiments;

namespace Prescore.Tests.Cli;

public class LengthListTests
{
    [Theory]
    [InlineData("1k,2k,4096", new[] { 1024, 2048, 4096 })]
    [InlineData("100", new[] { 100 })]
    [InlineData("1k,2k,...,32k", new[] { 1024, 2048, 4096, 8192, 16384, 32768 })]
    [InlineData("1k, 2k, …, 6k", new[] { 1024, 2048, 4096, 6144 })]
    [InlineData("1k,2k,...,4k,5k", new[] { 1024, 2048, 4096, 5120 })]
    public void Reads_lists(string text, int[] lengths) => LengthList.Parse(text).ShouldBe(lengths);

    [Theory]
    [InlineData("")]
    [InlineData("1k,,2k")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("2k,1k")]
    [InlineData("1k,1k")]
    [InlineData("1k,...,4k")]
    [InlineData("1k,2k,...")]
    [InlineData("1k,2k,...,1k")]
    [InlineData("9999999999")]
    [InlineData("3000000k")]
    [InlineData("many")]
    public void Refuses_other_text(string text) =>
        Should.Throw<BadInputException>(() => LengthList.Parse(text)).Message.ShouldContain("--lengths");
}
