using Prescore.Experiments;
using Prescore.Experiments.Reports;
using Prescore.Experiments.Tasks;
using Prescore.Models.Tokenizers;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public sealed class TaskTests : IDisposable
{
    private static readonly string Root = SharedData.Repository;
    private static readonly ITokenizer Tokenizer = ModelTokenizer.Load(Path.Combine(Root, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")).Tokenizer;
    private static readonly int[] Text = Tokenizer.Encode(File.ReadAllText(Path.Combine(Root, "texts", "war-and-peace-part.txt"))[..100_000]);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Tasks => [.. RetrievalTasks.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Passages_follow_from_seed_and_number_alone(string name)
    {
        ITask task = RetrievalTasks.Get(name);
        foreach ((int length, int depths) in new[] { (300, 1), (700, 5), (1000, 8) })
        {
            TaskPassage passage = task.Create(Source(length, 0, 3), depths), again = task.Create(Source(length, 0, 3), depths);

            passage.Tokens.Length.ShouldBe(length - 32);
            passage.Tokens.ShouldBe(again.Tokens);
            passage.Questions.Length.ShouldBe(depths);
            passage.Questions.Select(question => question.Depth).ShouldBe(Enumerable.Range(0, depths));
            foreach (TaskQuestion question in passage.Questions)
            {
                question.Choices.ShouldBeUnique();
                question.Choices.ShouldContain(question.Answer);
                question.Tokens.Length.ShouldBeLessThan(31);
            }
            task.Create(Source(length, 1, 3), depths).Tokens.ShouldNotBe(passage.Tokens);
            task.Create(Source(length, 0, 4), depths).Tokens.ShouldNotBe(passage.Tokens);
        }
        Should.Throw<BadInputException>(() => task.Create(Source(60, 0, 3), 8)).Message.ShouldContain("too short");
    }

    [Fact]
    public void Facts_stand_in_the_passage_once_and_in_order()
    {
        TaskPassage passage = new NeedleTask().Create(Source(900, 2, 0), 6);
        string text = Tokenizer.Decode(passage.Tokens);
        int before = -1;
        foreach (TaskQuestion question in passage.Questions)
        {
            string beginning = Tokenizer.Decode(question.Tokens).Trim(), answer = Tokenizer.Decode([question.Answer]);
            int at = text.IndexOf($"{beginning}{answer}", StringComparison.Ordinal);
            at.ShouldBeGreaterThan(before);
            text.IndexOf(beginning, at + 1, StringComparison.Ordinal).ShouldBe(-1);
            before = at;
        }
    }

    [Fact]
    public void A_copied_part_is_followed_by_its_answer()
    {
        TaskPassage passage = new CopyTask().Create(Source(900, 2, 0), 6);
        foreach (TaskQuestion question in passage.Questions)
        {
            passage.Tokens.AsSpan().IndexOf([.. question.Tokens, question.Answer]).ShouldBeGreaterThanOrEqualTo(0);
        }
    }

    [Fact]
    public void Variables_lead_from_name_to_name_to_word()
    {
        TaskPassage passage = new VariableTask().Create(Source(1200, 0, 0), 4);
        string text = Tokenizer.Decode(passage.Tokens);
        foreach (TaskQuestion question in passage.Questions)
        {
            string name = Tokenizer.Decode(question.Tokens).Trim().Split(' ')[^2];
            int alias = text.IndexOf($"VAR {name} = ", StringComparison.Ordinal);
            string first = text[(alias + $"VAR {name} = ".Length)..].Split('.')[0];
            text.ShouldContain($"VAR {first} ={Tokenizer.Decode([question.Answer])}");
            text.IndexOf($"VAR {first} =", StringComparison.Ordinal).ShouldBeLessThan(alias);
        }
    }

    [Fact]
    public void Exact_finds_facts_and_a_method_that_sees_all_keys_finds_the_same()
    {
        string json = _folder.File("tasks.json"), trials = _folder.File("trials");
        string[] command =
        [
            "study", "tasks", "--tasks", "needle", "copy", "--lengths", "400", "--depths", "6", "--passages", "2",
            "--methods", "prescored:s=1000", "window:w=16", "--resume", trials, "--json", json,
        ];

        ToolRun run = ToolRun.Of(command);

        run.ExitCode.ShouldBe(0, run.Error);
        ReportJson.TryDeserialize(File.ReadAllText(json), out TaskReport? report).ShouldBeTrue();
        report!.Tasks.Select(task => task.Task).ShouldBe(["needle", "copy"]);
        foreach (TaskRow task in report.Tasks)
        {
            task.Methods.Select(method => method.Trials).ShouldBe([12, 12, 12]);
            task.Methods[0].Accuracy.ShouldBeGreaterThanOrEqualTo(0.6);
            task.Methods[1].Difference.ShouldBe(0);
            // What is outside its window it cannot know.
            task.Methods[2].Accuracy.ShouldBeLessThan(task.Methods[0].Accuracy);
            task.Methods[2].ExactOnly.ShouldBeGreaterThan(task.Methods[2].MethodOnly);
        }
        string first = run.Out;
        ToolRun.Of(command).Out.ShouldBe(first);
        File.ReadAllLines(trials).Length.ShouldBe(1 + 2 * 3 * 12);
        ToolRun.Of([.. command, "--seed", "1"]).ShouldBeBadInput("trials", "another");
    }

    [Fact]
    public void Standard_errors_are_over_passages()
    {
        // Both questions of a passage go the same way, so there are two observations and not four.
        TaskTrial Trial(string spec, int passage, int depth, bool found) => new("copy", spec, 100, passage, depth, found, found, -1, 1);
        TaskTrial[] trials =
        [
            Trial("exact", 0, 0, true), Trial("exact", 0, 1, true), Trial("exact", 1, 0, true), Trial("exact", 1, 1, true),
            Trial("window", 0, 0, false), Trial("window", 0, 1, false), Trial("window", 1, 0, true), Trial("window", 1, 1, true),
        ];

        TaskMethodRow row = TaskMethodRow.Of("window", "window", "exact", trials);

        row.Difference.ShouldBe(-0.5);
        row.DifferenceSe.ShouldNotBeNull().ShouldBe(0.5, 1e-12);
        (row.ExactOnly, row.MethodOnly).ShouldBe((2, 0));
        row.AccuracyAt(100).ShouldBe(0.5);
        row.AccuracyAt(200).ShouldBe(double.NaN);
    }

    [Fact]
    public void Bad_settings_are_explained()
    {
        ToolRun.Of("study", "tasks", "--tasks", "coppy").ShouldBeBadInput("coppy", "copy");
        ToolRun.Of("needle", "--depths", "17").ShouldBeBadInput("needle", "1 to 16 depths");
        ToolRun.Of("needle", "--lengths", "64").ShouldBeBadInput("too short");
        ToolRun.Of("needle", "--lengths", "9k", "--passages", "1").ShouldBeBadInput("8192");
    }

    private static PassageSource Source(int length, int number, ulong seed) => new(Text, Tokenizer, length, number, seed);
}
