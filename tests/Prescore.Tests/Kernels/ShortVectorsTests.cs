using Prescore.Kernels;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Kernels;

public class ShortVectorsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(24)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(257)]
    public void Sums_equal_naive_ones(int length)
    {
        float[] x = ScoringKeys.Clustered(1, length, 1);
        // Longer than x: only as many elements as x has count.
        float[] y = [.. ScoringKeys.Clustered(1, length, 2), float.NaN, float.NaN];
        double dot = x.Select((value, i) => (double)value * y[i]).Sum();
        double magnitude = x.Select((value, i) => Math.Abs((double)value * y[i])).Sum();
        double squares = x.Sum(value => (double)value * value);
        double distance = x.Select((value, i) => Math.Pow((double)value - y[i], 2)).Sum();
        ((double)ShortVectors.Dot(x, y)).ShouldBe(dot, 1e-6 * magnitude);
        ((double)ShortVectors.SumOfSquares(x)).ShouldBe(squares, 1e-6 * squares);
        ((double)ShortVectors.SquaredDistance(x, y)).ShouldBe(distance, 1e-6 * distance);
        ShortVectors.DotInDouble(x, y).ShouldBe(dot, 1e-14 * magnitude);
        ShortVectors.SquaredDistanceInDouble(x, y).ShouldBe(distance, 1e-14 * distance);
        double[] sums = [.. Enumerable.Range(0, length + 1)];
        ShortVectors.AddTo(x, sums);
        sums.ShouldBe([.. x.Select((value, i) => i + (double)value), length]);
    }
}
