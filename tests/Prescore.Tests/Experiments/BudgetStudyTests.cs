using System.Text.Json;
using Prescore.Experiments;
using Prescore.Experiments.Budget;
using Prescore.Experiments.Reports;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public sealed class BudgetStudyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The embedded model at toy size: every method is exact with all keys, and loses with few.</summary>
    [Fact]
    public void With_room_for_all_keys_nothing_is_lost_and_an_interrupted_study_goes_on()
    {
        string state = _folder.File("cells.jsonl"), json = _folder.File("budget.json"), plot = _folder.File("budget.png");
        string[] Study(params string[] methods) =>
            ["study", "budget", "--texts", Path.Combine(SharedData.Repository, "texts", "war-and-peace-part.txt"), "--lengths", "320", "--threads", "2", "--resume", state, "--json", json, "--plot", plot, "--methods", .. methods];

        string[] whole = ["window:w=320", "quoka:s=320", "quest:s=320", "xattention:threshold=1", "prescored:s=320,inner=exact", "clustered:budget=1,error=0.0001"];
        ToolRun.Of(Study(whole)).ExitCode.ShouldBe(0);
        BudgetReport report = Read(json);
        report.Cells.Count.ShouldBe(whole.Length);
        report.Cells.ShouldAllBe(cell => Math.Abs(cell.DeltaNll) < 2e-3 && cell.Top1 > 0.97);
        report.Cells[0].Targets.ShouldBe(240);
        report.Cells.ShouldAllBe(cell => cell.BlockSums == null);

        int kept = File.ReadAllLines(state).Length;
        ToolRun run = ToolRun.Of(Study(["window:w=2", .. whole]));
        run.ExitCode.ShouldBe(0, run.Error);
        run.Error.ShouldContain("1 cell to run");
        File.ReadAllLines(state).Length.ShouldBe(kept + 1);
        BudgetRow few = Read(json).Rows.Single(row => row.Name == "window:w=2");
        few.DeltaNll.ShouldBeGreaterThan(2 * few.DeltaNllSe);
        File.ReadAllBytes(plot)[1..4].ShouldBe("PNG"u8.ToArray());
    }

    [Fact]
    public void The_papers_comparison_is_paired_and_has_both_kinds_of_figures()
    {
        IReadOnlyList<PaperRow> rows = BudgetSummary.Paper(
        [
            Cell(1) with { Name = BudgetMethods.Paper[0], BlockSums = [64, 64] },
            Cell(0.5) with { Name = BudgetMethods.Paper[1], BlockSums = [30, 34] },
            Cell(0.75) with { Name = BudgetMethods.Paper[2], BlockSums = [46, 50] },
        ]);
        rows[0].Perplexity.ShouldBe(Math.Exp(3), 1e-9);
        rows[0].PublishedStyle.ShouldBe(8, 1e-9);
        rows[0].AgainstHyper.ShouldBeNull();
        rows[1].AgainstHyper!.Mean.ShouldBe(-0.5, 1e-9);
        rows[1].AgainstLeverage.ShouldBe(new PairedLoss(-0.25, 0));
        rows[2].AgainstLeverage.ShouldBeNull();
    }

    [Fact]
    public void Errors_shrink_with_texts_and_grow_with_what_seeds_scatter()
    {
        BudgetSummary.Rows([Cell(1)])[0].DeltaNllSe.ShouldBe(0.3, 1e-9);
        BudgetSummary.Rows([Cell(1), Cell(1, seed: 1)])[0].DeltaNllSe.ShouldBe(0.3, 1e-9);
        BudgetSummary.Rows([Cell(1), Cell(1, text: "b")])[0].DeltaNllSe.ShouldBe(0.3 / Math.Sqrt(2), 1e-9);
        BudgetRow scattered = BudgetSummary.Rows([Cell(1), Cell(2, seed: 1)])[0];
        (scattered.DeltaNll, scattered.Cells).ShouldBe((1.5, 2));
        scattered.DeltaNllSe.ShouldBe(Math.Sqrt(0.09 + 0.25), 1e-9);
    }

    [Fact]
    public void Sums_of_blocks_give_the_error_of_the_tokens()
    {
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, 500).Select(_ => (float)random.NextDouble())];
        double[] sums = [.. values.Chunk(PairedDifference.BlockTokens).Select(block => block.Sum(x => (double)x))];
        PairedDifference expected = PairedDifference.Of(values, new float[500], 500), actual = PairedDifference.OfBlocks(sums, 500);
        actual.Mean.ShouldBe(expected.Mean, 1e-9);
        actual.StandardError.ShouldBe(expected.StandardError, 1e-9);
    }

    [Fact]
    public void Mistakes_are_named()
    {
        ToolRun.Of("study", "budget", "--budgets", "1.5").ShouldBeBadInput("--budgets: 1.5 is no budget");
        ToolRun.Of("study", "budget", "--texts", _folder.File("none.txt")).ShouldBeBadInput("there is no file");
        ToolRun.Of("study", "budget", "--lengths", "400k").ShouldBeBadInput("too few for a length of 409600");
        ToolRun.Of("study", "budget", "--lengths", "1k,400k").ShouldBeBadInput("no text has tokens enough for a length of 409600");
        ToolRun.Of("study", "budget", "--methods", "windw").ShouldBeBadInput("did you mean 'window'?");
    }

    private static BudgetCell Cell(double loss, string text = "a", ulong seed = 0) => new()
    {
        Text = text,
        TextSha256 = text,
        N = 2048,
        Seed = seed,
        Name = "m",
        Spec = "m",
        WantedBudget = 0.25,
        Budget = 0.25,
        Targets = 128,
        ExactNll = 2,
        Nll = 2 + loss,
        DeltaNll = loss,
        DeltaNllSe = 0.3,
        Kl = 0,
        Top1 = 1,
        AttentionSeconds = 1,
        BlockSums = null,
    };

    private static BudgetReport Read(string path) =>
        ReportJson.TryDeserialize(File.ReadAllText(path), out BudgetReport? report) ? report : throw new JsonException(path);
}
