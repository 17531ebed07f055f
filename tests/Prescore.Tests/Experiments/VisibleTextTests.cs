using System.Text.Json;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

public class VisibleTextTests
{
    [Theory]
    [InlineData("naïve 水 🦊 ±×", "naïve 水 🦊 ±×")]
    [InlineData("\u001b[31m", "\\u001b[31m")]
    [InlineData("a\u0007\u0008\u007f\u009b", "a\\u0007\\u0008\\u007f\\u009b")]
    [InlineData("x\u202Ey\u2066z\u2028", "x\\u202ey\\u2066z\\u2028")]
    [InlineData("a\nb\tc\rd", "a\\u000ab\\u0009c\\u000dd")]
    public void One_line_shows_what_a_terminal_would_obey(string text, string shown) => VisibleText.Line(text).ShouldBe(shown);

    [Fact]
    public void Halves_of_pairs_are_shown_and_line_breaks_of_a_document_stay()
    {
        VisibleText.Line("a" + (char)0xD83E).ShouldBe("a\\ud83e");
        VisibleText.Line((char)0xDD8A + "b").ShouldBe("\\udd8ab");
        VisibleText.Lines("a\r\nb\n\tc\rd").ShouldBe("a\r\nb\n\tc\\u000dd");
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_null_everywhere()
    {
        string json = ReportJson.Serialize(new BenchReport
        {
            Threads = 1,
            PeakGflops = double.PositiveInfinity,
            Data = "a\u202E",
            Rows = [],
            Slopes = new Dictionary<string, double> { ["exact"] = double.NaN, ["window"] = 1.5 },
        });

        JsonElement report = JsonDocument.Parse(json).RootElement;
        report.GetProperty("peak_gflops").ValueKind.ShouldBe(JsonValueKind.Null);
        report.GetProperty("slopes").GetProperty("exact").ValueKind.ShouldBe(JsonValueKind.Null);
        report.GetProperty("slopes").GetProperty("window").GetDouble().ShouldBe(1.5);
        report.GetProperty("data").GetString().ShouldBe("a\u202E");
        json.ShouldNotContain('\u202E');
    }
}
