using Prescore.Experiments.Advice;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

public class AdviceTests
{
    private static readonly MethodCost Exact = new("exact", new PowerLaw(1e-6, 2), new PowerLaw(1, 0), 0);

    [Fact]
    public void A_power_law_is_found_again()
    {
        PowerLaw law = PowerLaw.Fit([.. new[] { 1000.0, 2000, 8000 }.Select(n => (n, 3e-5 * Math.Pow(n, 1.7)))], exponent: 2);

        law.Exponent.ShouldBe(1.7, 1e-9);
        law.At(64000).ShouldBe(3e-5 * Math.Pow(64000, 1.7), 1e-6);
    }

    [Fact]
    public void One_length_takes_the_exponent_that_is_known()
    {
        PowerLaw law = PowerLaw.Fit([(100, 5)], exponent: 2);

        law.At(100).ShouldBe(5, 1e-9);
        law.At(200).ShouldBe(20, 1e-9);
    }

    [Fact]
    public void The_faster_growing_law_is_passed_where_both_are_equal()
    {
        var slow = new PowerLaw(1e-3, 1.5);

        slow.Passes(Exact.Seconds)!.Value.ShouldBe(1e6, 1);
        Exact.Seconds.Passes(slow).ShouldBeNull();
        new PowerLaw(1, 2).Passes(new PowerLaw(2, 2)).ShouldBe(1);
        new PowerLaw(2, 2).Passes(new PowerLaw(1, 2)).ShouldBeNull();
    }

    [Fact]
    public void Costs_are_scaled_to_all_layers_and_keep_the_error_of_the_longest()
    {
        MethodCost cost = MethodCost.Of([Row(1000, 1, 0.5, 0.1), Row(4000, 8, 0.25, 0.08)], layerScale: 10);

        // n^1.5 between short lengths does not go on.
        cost.Seconds.Exponent.ShouldBe(1.7, 1e-9);
        cost.Seconds.At(4000).ShouldBe(80, 1e-6);
        cost.BudgetAt(16000).ShouldBe(0.25, 1e-9);
        MethodCost.Of([Row(1000, 1, 0.5, 0.1), Row(2000, 4, 0.5, 0.1)], layerScale: 1).Seconds.Exponent.ShouldBe(2, 1e-9);
        cost.RelativeError.ShouldBe(0.08);
    }

    [Fact]
    public void The_fastest_with_a_small_enough_error_is_recommended()
    {
        MethodCost tight = Clustered("tight", 1e-4, 0.06), loose = Clustered("loose", 5e-5, 0.12);

        Recommendation.Of([Exact, loose, tight], 100_000, error: 0.1).Best.ShouldBe(tight);
        Recommendation.Of([Exact, loose, tight], 100_000, error: 0.2).Best.ShouldBe(loose);
        Recommendation.Of([Exact, loose, tight], 100_000, error: 0.01).ShouldBe(new Recommendation(Exact, null));
    }

    [Fact]
    public void Exact_wins_where_it_is_fastest_and_the_length_that_changes_this_is_named()
    {
        Recommendation recommendation = Recommendation.Of([Exact, Clustered("a", 1e-3, 0.05), Clustered("b", 1e-4, 0.05)], 5000, error: 0.1);

        recommendation.Best.ShouldBe(Exact);
        recommendation.Passes!.Value.ShouldBe(10_000, 1);
    }

    [Theory]
    [InlineData(32768, new[] { 2048, 8192 })]
    [InlineData(8192, new[] { 2048, 8192 })]
    [InlineData(1000, new[] { 250, 1000 })]
    [InlineData(2, new[] { 1, 2 })]
    public void A_short_context_is_measured_itself(int context, int[] lengths) => AdviceStudy.LengthsFor(context).ShouldBe(lengths);

    private static MethodCost Clustered(string name, double factor, double error) =>
        new(name, new PowerLaw(factor, 1.5), new PowerLaw(1, -0.5), error);

    private static BenchRow Row(int n, double seconds, double budget, double error) => new()
    {
        Method = "clustered",
        N = n,
        Seconds = seconds,
        Gflops = 1,
        Budget = budget,
        RelativeError = error,
        Speedup = 1,
        IndexShare = 0,
        Certificate = null,
    };
}
