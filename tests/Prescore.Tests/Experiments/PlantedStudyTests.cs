using Prescore.Experiments.Planted;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

public class PlantedStudyTests
{
    private static readonly PlantedReport Report = new PlantedStudy(["kmeans", "kmedian", "leverage", "ridge", "random"], 8, 2000, [8], 2).Run([], phases: false);

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
        PlantedReport report = new PlantedStudy(["leverage"], 10, 2000, [8], 2).Run([PlantedStudy.InsideName], phases: true);

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

    private static RecoveryRow Row(string point, string scorer) =>
        Report.Points.First(row => row.Name == point).Scorers.First(row => row.Scorer == scorer);
}
