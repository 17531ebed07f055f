using Prescore.Experiments.Evidence;
using Prescore.Experiments.Evidence.Claims;

namespace Prescore.Tests.Experiments.Evidence;

public class ClaimTests
{
    [Fact]
    public void Without_results_nothing_is_claimed()
    {
        Verdict[] verdicts = [.. PaperClaims.All.Select(claim => claim.Judge([]))];

        verdicts.Select(verdict => verdict.Number).ShouldBe([1, 2, 3, 4, 5]);
        verdicts.ShouldAllBe(verdict => verdict.Outcome == Outcome.NotRun);
    }

    [Theory]
    [InlineData(0.8, 0.2, 0.5, Outcome.Reproduced)]
    [InlineData(0.8, 0.2, 0.2, Outcome.InPart)]
    [InlineData(0.8, 0.79, 0.9, Outcome.NotReproduced)]
    public void Claim_1_needs_scores_that_help_and_stays_a_stand_in(double hyper, double scored, double random, Outcome expected)
    {
        Verdict verdict = PaperClaims.All[0].Judge([SampleResults.Perplexity(hyper, scored, random, 0.3)]);

        verdict.Outcome.ShouldBe(Outcome.NotTestable);
        verdict.OfStandIn.ShouldBe(expected);
        verdict.Results.ShouldBe(["perplexity-4k"]);
        verdict.Commands.ShouldBe(["prescore perplexity"]);
        verdict.Reason.ShouldContain("budget 0.25");
    }

    [Theory]
    [InlineData(0.1, 0.2, Outcome.Reproduced)]
    [InlineData(0.19, 0.2, Outcome.NotReproduced)]
    [InlineData(0.3, 0.2, Outcome.NotReproduced)]
    public void Claim_2_counts_differences_beyond_two_standard_errors(double kmeans, double leverage, Outcome expected) =>
        PaperClaims.All[1].Judge([SampleResults.Perplexity(1, kmeans, 1, leverage)]).Outcome.ShouldBe(expected);

    [Theory]
    [InlineData(0.75, 0.75, Outcome.Reproduced)]
    [InlineData(0.3, 0.75, Outcome.InPart)]
    [InlineData(0.3, 0.3, Outcome.NotReproduced)]
    public void Claim_3_asks_for_nine_tenths_with_half_of_the_keys(double kmeans, double withCls, Outcome expected) =>
        PaperClaims.All[2].Judge([SampleResults.Vision(kmeans, withCls)]).Outcome.ShouldBe(expected);

    [Theory]
    [InlineData(1, 1, Outcome.Reproduced)]
    [InlineData(0.99, 1, Outcome.InPart)]
    [InlineData(0.99, 0.99, Outcome.NotReproduced)]
    public void Claim_4_asks_for_every_draw(double atLeverages, double inside, Outcome expected) =>
        PaperClaims.All[3].Judge([SampleResults.Planted(atLeverages, inside)]).Outcome.ShouldBe(expected);

    [Theory]
    [InlineData(1.5, Outcome.Reproduced)]
    [InlineData(1.95, Outcome.NotReproduced)]
    public void Claim_5_asks_for_exponents_of_time_and_interactions(double slope, Outcome expected) =>
        PaperClaims.All[4].Judge([SampleResults.Bench(slope)]).Outcome.ShouldBe(expected);
}
