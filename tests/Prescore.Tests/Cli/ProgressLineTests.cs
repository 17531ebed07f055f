using Prescore.Cli.Rendering;
using Prescore.Experiments;

namespace Prescore.Tests.Cli;

public class ProgressLineTests
{
    [Fact]
    public void Shows_the_time_left()
    {
        ProgressLine.Describe(new StudyProgress(0.25, "window"), TimeSpan.FromSeconds(30)).ShouldContain(" 25 %, 1:30 left  window");
        ProgressLine.Describe(new StudyProgress(0.5, "x"), TimeSpan.FromSeconds(3700)).ShouldContain("1:01:40 left");
        ProgressLine.Describe(new StudyProgress(0.001, "x"), TimeSpan.FromSeconds(1)).ShouldNotContain("left");
    }

    [Fact]
    public void Is_silent_where_the_error_stream_is_no_terminal()
    {
        var tool = new ToolRun();
        using (var progress = new ProgressLine(tool.Context))
        {
            progress.Report(new StudyProgress(0.5, "x"));
        }
        tool.Error.ShouldBe("");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(40)]
    [InlineData(80)]
    public void Stays_on_one_line_of_a_narrow_terminal(int width)
    {
        var tool = new ToolRun();
        using (var progress = new ProgressLine(tool.Context with { ErrorIsTerminal = true, Width = width }))
        {
            progress.Report(new StudyProgress(0.5, new string('x', 100)));
        }
        tool.Error.Split('\r', StringSplitOptions.RemoveEmptyEntries).ShouldAllBe(line => line.Length < width);
    }

    [Fact]
    public void Wipes_itself_and_draws_nothing_after_its_end()
    {
        var tool = new ToolRun();
        var progress = new ProgressLine(tool.Context with { ErrorIsTerminal = true });
        progress.Report(new StudyProgress(0.5, "half"));
        progress.Dispose();
        progress.Report(new StudyProgress(0.6, "late"));

        tool.Error.ShouldContain("half");
        tool.Error.ShouldNotContain("late");
        tool.Error.ShouldEndWith("\r");
    }
}
