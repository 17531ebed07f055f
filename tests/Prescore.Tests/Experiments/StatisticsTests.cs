using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Experiments.Layers;

namespace Prescore.Tests.Experiments;

public class StatisticsTests
{
    [Fact]
    public void Paired_difference_is_the_mean_and_the_error_of_block_means()
    {
        // Blocks of 64 whose differences are 1, 2, 3: mean 2, deviation of the means 1, error 1/√3.
        float[] reference = new float[192];
        float[] method = [.. Enumerable.Range(0, 192).Select(i => 1f + i / 64)];

        PairedDifference difference = PairedDifference.Of(method, reference, 192);

        difference.Mean.ShouldBe(2, 1e-12);
        difference.StandardError.ShouldBe(1 / Math.Sqrt(3), 1e-12);
    }

    [Fact]
    public void Alike_neighbours_do_not_shrink_the_error()
    {
        // 64 equal tokens a block are one observation, not 64.
        var random = new Random(1);
        float[] blocks = [.. Enumerable.Range(0, 200).Select(_ => random.NextSingle() - 0.5f)];
        float[] method = [.. blocks.SelectMany(block => Enumerable.Repeat(block, 64))];

        PairedDifference difference = PairedDifference.Of(method, new float[method.Length], method.Length);

        // The standard deviation of a uniform number is 1/√12.
        difference.StandardError.ShouldBe(1 / Math.Sqrt(12) / Math.Sqrt(200), 0.002);
    }

    [Fact]
    public void Blocks_do_not_reach_over_the_end_of_a_window()
    {
        // Windows of 96 tokens: blocks of 64 and 32. In one series of 192 the second block would span both windows.
        float[] method = [.. Enumerable.Range(0, 192).Select(i => i % 96 < 64 ? 1f : 4f)];

        PairedDifference difference = PairedDifference.Of(method, new float[192], 96);

        double sum = 2 * Math.Pow(64 * (1 - 2.0), 2) + 2 * Math.Pow(32 * (4 - 2.0), 2);
        difference.StandardError.ShouldBe(Math.Sqrt(sum * 4 / 3) / 192, 1e-12);
    }

    [Fact]
    public void One_block_has_no_error() =>
        PairedDifference.Of([1f, 2f], [0f, 0f], 2).StandardError.ShouldBe(double.NaN);

    [Fact]
    public void Slope_of_a_power_law_is_its_exponent()
    {
        (double, double)[] points = [.. new[] { 1024.0, 2048, 4096, 32768 }.Select(n => (n, 3e-9 * Math.Pow(n, 1.5)))];

        LogLogSlope.Of(points).ShouldNotBeNull().ShouldBe(1.5, 1e-9);
        LogLogSlope.Of([(1024, 1)]).ShouldBeNull();
        LogLogSlope.Of([(1024, 1), (1024, 2)]).ShouldBeNull();
    }

    [Fact]
    public void Relative_error_pools_squares()
    {
        var shape = new AttentionShape { QueryHeads = 2, KeyValueHeads = 1, Queries = 1, Keys = 1, HeadDimension = 2 };
        float[] reference = [3, 4, 0, 10];
        float[] output = [3, 4, 0, 9];

        RelativeError[] byHead = RelativeError.ByHead(output, reference, shape);

        byHead[0].Value.ShouldBe(0);
        byHead[1].Value.ShouldBe(0.1, 1e-12);
        (byHead[0] + byHead[1]).Value.ShouldBe(Math.Sqrt(1 / 125.0), 1e-12);
        RelativeError.Of([0f], [0f]).Value.ShouldBe(0);
        RelativeError.Of([1f], [0f]).Value.ShouldBe(double.PositiveInfinity);
    }

    [Theory]
    [InlineData(new[] { "exact", "window", "prescored:scorer=kmeans,inner=hyper" }, new[] { "exact", "window", "prescored kmeans hyper" })]
    [InlineData(new[] { "window:w=128", "window:w=512", "hyper:block=64" }, new[] { "window w=128", "window w=512", "hyper" })]
    public void Names_are_short_and_unique(string[] specs, string[] names) => MethodNames.Of(specs).ShouldBe(names);

    [Fact]
    public void Exact_comes_first_and_once()
    {
        MethodRequest.Parse(["exact"], 0.25).Select(request => request.Name).ShouldBe(["exact"]);
        MethodRequest.Parse([], null).Single().Attention.Spec.ShouldBe("exact");
        MethodRequest[] two = [.. MethodRequest.Parse(["window", "window:w=7", "exact", "window"], 0.25)];
        two.Select(request => request.Name).ShouldBe(["exact", "window", "window w=7"]);
        two.Select(request => request.Budget).ShouldBe([null, 0.25, null]);
    }
}
