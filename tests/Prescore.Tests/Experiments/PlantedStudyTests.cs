using Prescore.Cli;
using Prescore.Experiments.Planted;
using Prescore.Experiments.Reports;
using Prescore.Scoring;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public sealed class PlantedStudyTests : IDisposable
{
    private static readonly PlantedReport Report = Run(new PlantedSettings { Scorers = ["kmeans", "kmedian", "leverage", "ridge", "random"], Seeds = 8, Keys = 2000, Dimensions = [8] });

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("kmeans")]
    [InlineData("kmedian")]
    [InlineData("leverage")]
    [InlineData("ridge")]
    public void Inside_the_condition_every_scorer_recovers_the_plant_and_outside_it_none_does(string scorer)
    {
        Row("inside both", scorer).Exact.ShouldBe(1);
        Row("signal 0.2", scorer).Exact.ShouldBe(0);
    }

    [Fact]
    public void Leverage_recovers_from_its_own_boundary_on()
    {
        Row("signal 1.2", "leverage").Exact.ShouldBe(1);
        Row("signal 0.6", "leverage").Exact.ShouldBeLessThan(0.5);
    }

    [Fact]
    public void Random_keys_recover_what_chance_gives()
    {
        // 64 of 2,000 keys: 3 % of them are drawn anyway.
        Report.Points.Where(point => point.SignalKeys == 64).Average(point => point.Scorers[4].Recall).ShouldBe(64 / 2000.0, 0.01);
        Report.Points.ShouldAllBe(point => point.Scorers[2].AgreementWithLeverage == 1);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.6, 0)]
    [InlineData(0, 0.4)]
    public void The_model_has_the_signal_and_noise_that_it_says(double overlap, double spread)
    {
        const double Alpha = 50;
        var model = new PlantedModel { Keys = 2000, Dimension = 16, Directions = 3, KeysPerDirection = 5, Signal = Alpha, Overlap = overlap, NormSpread = spread };
        float[] keys = model.Draw(9, out int[] signal);
        double Squared(int key) => Enumerable.Range(0, 16).Sum(i => (double)keys[key * 16 + i] * keys[key * 16 + i]);
        double Cosine(int a, int b) => Enumerable.Range(0, 16).Sum(i => (double)keys[a * 16 + i] * keys[b * 16 + i]) / Math.Sqrt(Squared(a) * Squared(b));

        signal.Distinct().Count().ShouldBe(15);
        if (spread == 0)
        {
            signal.Max(key => Math.Abs(Math.Sqrt(Squared(key)) - Alpha)).ShouldBeLessThan(5);
            Enumerable.Range(0, 2000).Except(signal).Average(Squared).ShouldBe(16, 0.5);
        }
        // Signals of one direction are nearly parallel, of two they have the overlap's cosine.
        double[] cosines = [.. from a in signal from b in signal where a < b select Cosine(a, b)];
        cosines.ShouldAllBe(cosine => Math.Abs(cosine - 1) < 0.05 || Math.Abs(cosine - overlap) < 0.15);
        cosines.Count(cosine => Math.Abs(cosine - 1) < 0.05).ShouldBe(30);
        model.Draw(9, out _).ShouldBe(keys);
        model.Draw(10, out _).ShouldNotBe(keys);
    }

    [Fact]
    public void A_rotary_embedding_keeps_norms_and_turns_keys()
    {
        var model = new PlantedModel { Keys = 100, Dimension = 8, KeysPerDirection = 1, Signal = 5 };
        float[] plain = model.Draw(1, out _), turned = (model with { Rotary = true }).Draw(1, out _);
        for (int key = 0; key < 100; key++)
        {
            plain.Skip(key * 8).Take(8).Sum(x => x * x).ShouldBe(turned.Skip(key * 8).Take(8).Sum(x => x * x), 1e-3f);
        }
        plain[..8].ShouldBe(turned[..8]);
        plain[8..16].ShouldNotBe(turned[8..16]);
    }

    [Fact]
    public void Phase_diagrams_show_where_recovery_breaks()
    {
        PlantedReport report = Run(new PlantedSettings { Scorers = ["leverage"], Seeds = 10, Keys = 2000, Dimensions = [8], Points = [PlantedPoints.InsideName], Phases = true });

        report.Points.Count.ShouldBe(1);
        report.Phases.Count.ShouldBe(2);
        double[] orthogonal = report.Phases[0].Scorers[0].Recall[0];
        orthogonal[1].ShouldBe(1);
        orthogonal[^1].ShouldBeLessThan(0.9);
        // At 1.2 times its boundary leverage finds all, whatever n and d, but where there is none.
        report.Phases[1].Scorers[0].Recall.ShouldAllBe(row => row.All(recall => double.IsNaN(recall) || recall == 1));
    }

    [Fact]
    public void Many_keys_a_direction_have_no_boundary() =>
        new PlantedModel { Keys = 1000, Dimension = 16, KeysPerDirection = 60, Signal = 1 }.Boundary.ShouldBe(double.PositiveInfinity);

    [Fact]
    public void A_point_of_ones_own_has_the_parameters_that_were_asked_for()
    {
        string json = _folder.File("p.json");
        ToolRun run = ToolRun.Of(
            "study", "planted", "--keys", "600", "--dimensions", "9", "--seeds", "3", "--seed", "5", "--scorers", "leverage", "kmeans", "norm",
            "--directions", "2", "--keys-per-direction", "3", "--signal", "90", "--noise", "0.5", "--overlap", "0.25", "--norm-spread", "0.1",
            "--select", "12", "--clusters", "4", "--json", json);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("2 directions of 3 keys, signal 90, noise 0.5, cosine 0.25, norm spread 0.1, 12 selected");
        ReportJson.TryDeserialize(File.ReadAllText(json), out PlantedReport? report).ShouldBeTrue();
        report!.FirstSeed.ShouldBe(5UL);
        PlantedRow row = report.Points.ShouldHaveSingleItem();
        row.Name.ShouldBe("custom");
        row.Model.ShouldBe(new PlantedModel
        {
            Keys = 600,
            Dimension = 9,
            Directions = 2,
            KeysPerDirection = 3,
            Signal = 90,
            Noise = 0.5,
            Overlap = 0.25,
            NormSpread = 0.1,
            Selected = 12,
            Clusters = 4,
        });
        // All six signal keys are among the twelve.
        row.Scorers.Where(scorer => scorer.Scorer != "kmeans").ShouldAllBe(scorer => scorer.Exact == 1 && scorer.Recall == 1 && scorer.Precision == 0.5);
    }

    [Fact]
    public void The_defaults_of_a_point_of_ones_own_are_those_of_a_named_one()
    {
        var settings = new PlantedSettings { Scorers = ["kmeans", "leverage"], Seeds = 4, Keys = 2000, Dimensions = [8], Points = ["signal 1.2", "overlap 0.9 at signal 1.2"] };
        PlantedReport named = Run(settings with { Custom = new CustomPoint { Overlap = 0.9 } }), plain = Run(settings with { Points = [], Custom = new CustomPoint() });

        named.Points.Select(row => row.Name).ShouldBe(["signal 1.2", "overlap 0.9 at signal 1.2", "custom"]);
        named.Points[2].Scorers.ShouldBe(named.Points[1].Scorers);
        plain.Points.ShouldHaveSingleItem().Scorers.ShouldBe(named.Points[0].Scorers);
    }

    [Fact]
    public void Other_seeds_and_other_numbers_of_clusters_give_other_draws_and_choices()
    {
        var settings = new PlantedSettings { Scorers = ["kmeans"], Seeds = 2, Keys = 1000, Dimensions = [8], Custom = new CustomPoint { Signal = 3 } };
        double Recall(PlantedSettings some) => Run(some).Points[0].Scorers[0].Recall;

        double both = Recall(settings), first = Recall(settings with { Seeds = 1 }), second = Recall(settings with { Seeds = 1, FirstSeed = 1 });
        both.ShouldBe((first + second) / 2, 1e-12);
        new[] { 1, 2, 3, 20 }.Select(k => Recall(settings with { Custom = new CustomPoint { Signal = 3, Clusters = k } })).Append(both).Distinct().Count().ShouldBeGreaterThan(1);
        Recall(settings with { Custom = new CustomPoint { Signal = 3, Clusters = 9 } }).ShouldBe(both);
    }

    [Fact]
    public void Finished_points_are_not_run_again()
    {
        string state = _folder.File("points.jsonl"), json = _folder.File("p.json");
        string[] args =
            ["study", "planted", "--seeds", "10", "--keys", "600", "--dimensions", "8", "--scorers", "kmeans", "leverage", "--phases", "--threads", "2", "--resume", state, "--json", json];
        ToolRun run = ToolRun.Of(args);
        run.ExitCode.ShouldBe(0, run.Error);
        string[] lines = File.ReadAllLines(state);
        string whole = File.ReadAllText(json);

        // As if the study had been stopped while it wrote a row.
        File.WriteAllText(state, string.Join('\n', lines[..9]) + "\n" + lines[9][..10]);
        ToolRun.Of(args).Out.ShouldBe(run.Out);
        File.ReadAllText(json).ShouldBe(whole);
        File.ReadAllLines(state).ShouldBe(lines);
        // Rows that are there are taken as they are; other scorers are added.
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"recall\":1,", "\"recall\":0.25,", StringComparison.Ordinal));
        ToolRun.Of(args).Out.ShouldContain("25 (100)");
        ToolRun.Of([.. args[..9], "norm", .. args[11..]]).ExitCode.ShouldBe(0);
        File.ReadAllLines(state).Length.ShouldBe(2 * lines.Length - 1);
        ToolRun.Of([.. args, "--seed", "3"]).ShouldBeBadInput("points.jsonl", "another");
    }

    [Fact]
    public void An_interrupted_study_shows_and_keeps_what_it_has()
    {
        string state = _folder.File("points.jsonl");
        string[] args = ["study", "planted", "--seeds", "2", "--keys", "600", "--dimensions", "8", "--scorers", "leverage", "--resume", state, "--points"];
        ToolRun.Of([.. args, "signal 2"]).ExitCode.ShouldBe(0);

        ToolRun run = new ToolRun(cancellationToken: new CancellationToken(canceled: true)).Run([.. args, "signal 2", "signal 4"]);

        run.ExitCode.ShouldBe(ExitCodes.Interrupted);
        run.Out.ShouldContain("signal 2");
        run.Out.ShouldNotContain("signal 4");
        File.ReadAllLines(state).Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("17 orthonormal directions", "--directions", "17")]
    [InlineData("leaves no noise", "--keys-per-direction", "20")]
    [InlineData("301 cannot be selected", "--select", "301")]
    [InlineData("no 301 clusters", "--clusters", "301")]
    [InlineData("--noise", "--noise", "-1")]
    [InlineData("--noise", "--noise", "NaN")]
    [InlineData("--signal", "--signal", "0")]
    [InlineData("--signal", "--signal", "inf")]
    [InlineData("--overlap", "--overlap", "1")]
    [InlineData("--norm-spread", "--norm-spread", "nan")]
    [InlineData("--keys-per-direction", "--keys-per-direction", "0")]
    [InlineData("the norm of the signal must be given", "--noise", "0")]
    [InlineData("the norm of the signal must be given", "--keys-per-direction", "12")]
    [InlineData("one too many", "--rotary", "--dimensions", "15")]
    [InlineData("--dimensions", "--dimensions", "0")]
    [InlineData("'inside bth'", "--points", "inside bth")]
    [InlineData("none of the points", "--points", "inside both", "--dimensions", "64")]
    [InlineData("--plot", "--points", "inside both", "--dimensions", "8", "--plot", "x.png")]
    [InlineData("'kmeans-value' asks for values", "--scorers", "kmeans-value")]
    public void Parameters_that_make_no_model_are_refused(string part, params string[] more)
    {
        string[] size = more.Contains("--dimensions") ? [] : ["--dimensions", "16"];
        ToolRun.Of(["study", "planted", "--keys", "300", "--seeds", "1", .. size, .. more]).ShouldBeBadInput(part);
    }

    [Theory]
    [InlineData("--noise", "0", "--signal", "2")]
    [InlineData("--signal", "1e9", "--norm-spread", "2", "--noise", "1e9")]
    [InlineData("--signal", "1e-30", "--noise", "1e-30")]
    [InlineData("--signal", "1", "--clusters", "100", "--select", "100")]
    [InlineData("--signal", "1", "--overlap", "0.9999", "--rotary", "--directions", "1")]
    public void The_ends_of_the_ranges_can_be_run(params string[] more)
    {
        ToolRun run = ToolRun.Of(
            ["study", "planted", "--keys", "100", "--dimensions", "2", "--seeds", "2", "--scorers", .. KeyScorers.NamesForKeys, .. more]);
        run.ExitCode.ShouldBe(0, run.Error);
    }

    private static PlantedReport Run(PlantedSettings settings)
    {
        var study = new PlantedStudy(settings, 2);
        return study.Report([.. study.Run()]);
    }

    private static RecoveryRow Row(string point, string scorer) =>
        Report.Points.First(row => row.Name == point).Scorers.First(row => row.Scorer == scorer);
}
