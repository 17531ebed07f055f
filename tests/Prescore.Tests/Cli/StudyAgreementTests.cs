using Prescore.Experiments.Reports;

namespace Prescore.Tests.Cli;

public sealed class StudyAgreementTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Continuations_are_compared_and_finished_prompts_are_not_run_again()
    {
        string state = _folder.File("rows.jsonl"), json = _folder.File("a.json");
        string[] args = Arguments("--prompts", "3", "--methods", "window:w=1000", "window:w=2", "--resume", state, "--json", json);

        ToolRun run = ToolRun.Of(args);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("w=1000: the same 8 tokens in 3 of 3 prompts");
        AgreementRow[] rows = Rows(json);
        rows.Length.ShouldBe(6);
        rows.Where(row => row.Name.Contains("1000")).ShouldAllBe(row => row.Same == 8 && row.Gap == null && row.Lead == null && row.Cost == null && row.SameTop == 1 && row.GapChange < 1e-3);
        AgreementRow[] near = [.. rows.Where(row => !row.Name.Contains("1000"))];
        near.ShouldContain(row => row.Same < 8);
        near.ShouldAllBe(row => row.SmallestGap >= 0 && row.GapChange > 0.01 && row.Budget < 0.5);
        near.Where(row => row.Same < 8).ShouldAllBe(row => row.Gap >= row.SmallestGap && row.Cost >= row.Gap && row.Lead > 0 && row.ExactToken != row.MethodToken);

        // As if the study had been stopped while it wrote the fourth row.
        string[] lines = File.ReadAllLines(state);
        File.WriteAllText(state, string.Join('\n', lines[..4]) + "\n" + lines[4][..10]);
        ToolRun again = ToolRun.Of(args);
        again.Out.ShouldBe(run.Out);
        Rows(json).ShouldBe(rows);
        File.ReadAllLines(state).ShouldBe(lines);
        // Rows that are there are taken as they are.
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"same\":8", "\"same\":7", StringComparison.Ordinal));
        ToolRun.Of(args).Out.ShouldContain("w=1000: the same 8 tokens in 0 of 3 prompts");
    }

    [Fact]
    public void A_file_of_another_study_is_refused()
    {
        string state = _folder.File("rows.jsonl");
        ToolRun.Of(Arguments("--prompts", "1", "--methods", "window:w=2", "--resume", state)).ExitCode.ShouldBe(0);
        ToolRun.Of(Arguments("--prompts", "1", "--methods", "window:w=2", "--seed", "3", "--resume", state)).ShouldBeBadInput("rows.jsonl", "another");
        ToolRun.Of(Arguments("--context", "100k")).ShouldBeBadInput("--context");
        ToolRun.Of(Arguments("--prompts", "0")).ShouldBeBadInput("--prompts");
    }

    private string[] Arguments(params string[] more)
    {
        string text = _folder.File("t.txt");
        File.WriteAllText(text, string.Concat(Enumerable.Range(0, 60).Select(i => $"Line {i * 7 % 13} of {i}. ")));
        return ["study", "agreement", "--model", SharedData.Golden("gguf", "tiny-llama-f32.gguf"), "--text", text, "--context", "60", "--tokens", "8", .. more];
    }

    private static AgreementRow[] Rows(string json)
    {
        ReportJson.TryDeserialize(File.ReadAllText(json), out AgreementReport? report).ShouldBeTrue();
        return [.. report!.Rows];
    }
}
