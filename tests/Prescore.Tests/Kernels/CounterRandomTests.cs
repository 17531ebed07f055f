using Prescore.Numerics;

namespace Prescore.Tests.Kernels;

public class CounterRandomTests
{
    private const int Draws = 100_000;

    [Fact]
    public void Every_coordinate_changes_the_hash()
    {
        ulong[] hashes =
        [
            CounterRandom.Hash(1, 2, 3, 4, 5),
            CounterRandom.Hash(2, 2, 3, 4, 5),
            CounterRandom.Hash(1, 3, 3, 4, 5),
            CounterRandom.Hash(1, 2, 4, 4, 5),
            CounterRandom.Hash(1, 2, 3, 5, 5),
            CounterRandom.Hash(1, 2, 3, 4, 6),
            CounterRandom.Hash(1, 3, 2, 4, 5),
            CounterRandom.Hash(1, 2, 3, 5, 4),
        ];
        hashes.Distinct().Count().ShouldBe(hashes.Length);
    }

    [Fact]
    public void Hash_is_pinned() => CounterRandom.Hash(1, 2, 3, 4, 5).ShouldBe(0x2cab3cd192282b24UL);

    [Fact]
    public void Uniform_stays_below_one()
    {
        CounterRandom.Uniform(ulong.MaxValue).ShouldBeLessThan(1);
        CounterRandom.Uniform(0).ShouldBe(0);
    }

    [Fact]
    public void Uniform_numbers_of_consecutive_positions_are_uniform_and_uncorrelated()
    {
        double[] values = [.. Enumerable.Range(0, Draws).Select(i => CounterRandom.Uniform(CounterRandom.Hash(7, 0, 0, i, 1)))];
        values.Average().ShouldBe(0.5, 0.005);
        values.Select(value => value * value).Average().ShouldBe(1.0 / 3, 0.005);
        values.Zip(values.Skip(1), (a, b) => (a - 0.5) * (b - 0.5)).Average().ShouldBe(0, 0.002);
    }

    [Fact]
    public void Gaussian_numbers_have_normal_moments()
    {
        double[] values = [.. Enumerable.Range(0, Draws).Select(i => CounterRandom.Gaussian(CounterRandom.Hash(7, 1, 2, i, 3)))];
        values.ShouldAllBe(value => double.IsFinite(value));
        values.Average().ShouldBe(0, 0.02);
        values.Select(value => value * value).Average().ShouldBe(1, 0.03);
        values.Select(value => value * value * value * value).Average().ShouldBe(3, 0.2);
        double.IsFinite(CounterRandom.Gaussian(ulong.MaxValue)).ShouldBeTrue();
    }
}
