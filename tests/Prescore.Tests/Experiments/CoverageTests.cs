using CsCheck;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Coverage;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public class CoverageTests
{
    private const int D = 8;

    /// <summary>Against sums over the softmax written out.</summary>
    [Fact]
    public void Coverage_is_that_of_the_written_out_softmax() => Gen.Select(Gen.Int[90, 150], Gen.Int[1, 40], Gen.UInt).Sample((n, s, seed) =>
    {
        var random = new Random((int)(seed & int.MaxValue));
        float[] queries = [.. Enumerable.Range(0, n * D).Select(_ => (float)(4 * random.NextDouble() - 2))];
        float[] keys = [.. Enumerable.Range(0, n * D).Select(_ => (float)(4 * random.NextDouble() - 2))];
        int first = n - 20;
        var attention = new HeadAttention(queries, keys, D, first);
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
