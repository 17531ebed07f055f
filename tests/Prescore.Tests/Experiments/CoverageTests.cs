using CsCheck;
using Prescore.Attention.Contracts;
using Prescore.Cli;
using Prescore.Experiments.Coverage;
using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public sealed class CoverageTests : IDisposable
{
    private const int D = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Against sums over the softmax written out.</summary>
    [Fact]
    public void Coverage_is_that_of_the_written_out_softmax() => Gen.Select(Gen.Int[90, 150], Gen.Int[1, 40], Gen.UInt).Sample((n, s, seed) =>
    {
        var random = new Random((int)(seed & int.MaxValue));
        float[] queries = [.. Enumerable.Range(0, n * D).Select(_ => (float)(4 * random.NextDouble() - 2))];
        float[] keys = [.. Enumerable.Range(0, n * D).Select(_ => (float)(4 * random.NextDouble() - 2))];
        int first = n - 20;
        var attention = new HeadAttention(queries, keys, D, 1 / MathF.Sqrt(D), first);
        int[] chosen = [.. Enumerable.Range(CoverageSettings.Sinks, n - CoverageSettings.Sinks).OrderBy(_ => random.Next()).Take(s)];
        (double far, double mass, double own, double window) = (0, 0, 0, 0);
        long heavy = 0, heavyChosen = 0;
        var sums = new double[n];
        for (int query = first; query < n; query++)
        {
            double[] weights = [.. Enumerable.Range(0, query + 1).Select(key => Math.Exp(Enumerable.Range(0, D).Sum(i => (double)queries[query * D + i] * keys[key * D + i]) / Math.Sqrt(D)))];
            double sum = weights.Sum();
            (int Key, double Weight)[] distant = [.. weights.Select((weight, key) => (key, weight / sum)).Where(pair => pair.key >= CoverageSettings.Sinks && pair.key <= query - CoverageSettings.Window)];
            far += distant.Sum(pair => pair.Weight);
            mass += distant.Where(pair => chosen.Contains(pair.Key)).Sum(pair => pair.Weight);
            own += distant.Select(pair => pair.Weight).OrderDescending().Take(s).Sum();
            window += distant.TakeLast(s).Sum(pair => pair.Weight);
            heavy += distant.Count(pair => pair.Weight >= Covered.Thresholds[0]);
            heavyChosen += distant.Count(pair => pair.Weight >= Covered.Thresholds[0] && chosen.Contains(pair.Key));
            foreach ((int key, double weight) in distant)
            {
                sums[key] += weight;
            }
        }

        Covered covered = attention.By(new KeySet(chosen, n));

        attention.FarMass.ShouldBe(far, 1e-4);
        covered.Mass.ShouldBe(mass, 1e-4);
        Math.Abs(covered.Heavy[0] - heavyChosen).ShouldBeLessThanOrEqualTo(1);
        Math.Abs(attention.Heavy[0] - heavy).ShouldBeLessThanOrEqualTo(1);
        attention.ByOwnBest(s).Mass.ShouldBe(own, 1e-4);
        attention.ByBestOf(1, s).Mass.ShouldBe(own, 1e-4);
        attention.ByLongerWindow(s).Mass.ShouldBe(window, 1e-4);
        attention.ByBestOf(n, s).Mass.ShouldBe(sums.OrderDescending().Take(s).Sum(), 1e-4);
    }, iter: 30);

    [Fact]
    public void Better_informed_choices_hold_more_and_all_keys_everything()
    {
        CoverageReport few = Run(24, "kmeans", "random"), all = Run(400, "random");

        double Mass(string name) => few.Choices.First(choice => choice.Name == name).FarMass;
        Mass("each query's own").ShouldBeGreaterThan(Mass("best set a block"));
        Mass("best set a block").ShouldBeGreaterThan(Mass("best fixed set"));
        foreach (CoverageRow choice in few.Choices.Where(choice => choice.Name is not ("longer window" or "each query's own" or "best set a block")))
        {
            Mass("best fixed set").ShouldBeGreaterThanOrEqualTo(choice.FarMass, choice.Name);
        }
        few.FarMass.Count.ShouldBe(30);
        few.FarMass.ShouldAllBe(layer => layer.Length == 9);
        few.Choices.Select(choice => choice.Name).ShouldContain("kmeans, before RoPE");
        all.Choices.ShouldAllBe(choice => choice.FarMass > 0.9999);
        all.Choices.ShouldAllBe(choice => choice.HeavyRecall[0] == 1);
    }

    [Fact]
    public void Scorers_that_ask_for_queries_or_values_are_given_them()
    {
        const int N = 200;
        var random = new Random(5);
        float[] Rows(int count) => [.. Enumerable.Range(0, count * D).Select(_ => (float)(2 * random.NextDouble() - 1))];
        float[] keys = Rows(N), values = Rows(N), queries = Rows(2 * CoverageSettings.ObservedPositions);
        // Two keys that all queries ask for, of which the second says nothing, and one in the window.
        float[] mean = [.. Enumerable.Range(0, D).Select(i => Enumerable.Range(0, queries.Length / D).Average(row => queries[row * D + i]))];
        foreach (int key in new[] { 50, 60, N - 20 })
        {
            mean.Select(x => 200 * x).ToArray().CopyTo(keys, key * D);
        }
        values.AsSpan(60 * D, D).Clear();
        var head = new ScoredHead(0, 0, keys, values, queries, D);
        KeySet Best(string scorer, int size) => head.Best(scorer, size, 0, SimdPaths.Best);

        Best("observed", 2).Keys.ShouldBe([50, 60]);
        Best("observed-value", 1).Keys.ShouldBe([50]);
        Best("observed-value", 90).Contains(60).ShouldBeFalse();
        Best("norm", 3).Keys.ShouldBe([50, 60, N - 20]);
        Best("leverage-value", 100).Contains(60).ShouldBeFalse();
    }

    [Fact]
    public void Finished_layers_are_not_looked_at_again_and_files_of_other_studies_are_refused()
    {
        string state = _folder.File("layers.jsonl"), json = _folder.File("c.json");
        string[] args = ["study", "coverage", "--context", "272", "--keys", "16", "--scorers", "observed", "kmeans-value", "random", "--resume", state, "--json", json];
        ToolRun run = ToolRun.Of(args);
        run.ExitCode.ShouldBe(0, run.Error);
        string[] lines = File.ReadAllLines(state);
        string whole = File.ReadAllText(json);
        lines.Length.ShouldBe(31);

        // As if the study had been stopped while it wrote the fourth layer.
        File.WriteAllText(state, string.Join('\n', lines[..4]) + "\n" + lines[4][..10]);
        ToolRun.Of(args).Out.ShouldBe(run.Out);
        File.ReadAllText(json).ShouldBe(whole);
        File.ReadAllLines(state).ShouldBe(lines);

        // Interrupted in the middle, it has what it had.
        File.WriteAllText(state, string.Join('\n', lines[..4]) + "\n");
        new ToolRun(cancellationToken: new CancellationToken(canceled: true)).Run(args).ExitCode.ShouldBe(ExitCodes.Interrupted);
        File.ReadAllLines(state).ShouldBe(lines[..4]);

        ToolRun.Of([.. args[..5], "17", .. args[6..]]).ShouldBeBadInput("layers.jsonl", "another");
        ToolRun.Of([.. args, "--seed", "1"]).ShouldBeBadInput("layers.jsonl", "another");
    }

    [Fact]
    public void Bad_settings_are_explained()
    {
        ToolRun.Of("study", "coverage", "--context", "100").ShouldBeBadInput("too few keys beyond the window");
        ToolRun.Of("study", "coverage", "--scorers", "kmean").ShouldBeBadInput("kmeans");
        ToolRun.Of("study", "coverage", "--context", "30000").ShouldBeBadInput("context");
    }

    private static CoverageReport Run(int keys, params string[] scorers)
    {
        string root = SharedData.Repository;
        using TextInput text = TextInput.Open(Path.Combine(root, "texts", "war-and-peace-part.txt"));
        var settings = new CoverageSettings
        {
            ModelPath = Path.Combine(root, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"),
            Text = text,
            Context = 288,
            Keys = keys,
            Scorers = scorers,
        };
        using CoverageStudy study = CoverageStudy.Prepare(settings, AttentionOptions.Default with { Threads = 2 }, CancellationToken.None);
        return study.Run();
    }
}
