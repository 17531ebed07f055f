using CsCheck;
using Prescore.Attention.Clustered;

namespace Prescore.Tests.Attention.Clustered;

public class QuerySampleTests
{
    [Theory]
    [InlineData(256, 16)]
    [InlineData(16, 16)]
    [InlineData(100, 16)]
    [InlineData(40, 20)]
    public void About_16_queries_a_block_are_sampled_evenly_and_all_heads_of_the_group_in_turn(int blockSize, int expected)
    {
        foreach (int group in new[] { 1, 3, 4 })
        {
            var sample = new QuerySample(new ClusteredOptions { BlockSize = blockSize }, dimension: 2, group);
            int[] sampled = [.. Enumerable.Range(0, 30 * blockSize).Where(position => sample.MemberAt(position) >= 0)];
            (sampled.Length / 30).ShouldBe(expected);
            sampled.Zip(sampled.Skip(1), (a, b) => b - a).Distinct().Count().ShouldBe(1);
            int[] members = [.. sampled.Select(sample.MemberAt)];
            members.Distinct().Order().ShouldBe(Enumerable.Range(0, group));
            members.Zip(members.Skip(1), (a, b) => (b - a + group) % group).ShouldAllBe(step => step == 1 % group);
        }
    }

    [Fact]
    public void The_moment_is_the_mean_of_squares_with_less_weight_for_earlier_blocks()
    {
        var sample = new QuerySample(new ClusteredOptions { BlockSize = 16 }, dimension: 2, group: 1);
        var moment = new double[4];
        sample.Add(0, [1, 2]);
        sample.Add(1, [3, -1]);
        sample.Add(16, [1, 1]);
        sample.TakeBefore(0);
        sample.Moment.Weight.ShouldBe(0);
        sample.TakeBefore(16);
        sample.Moment.CopyTo(moment);
        moment.ShouldBe([5, -0.5, -0.5, 2.5]);
        // A block without queries takes nothing from the weight.
        sample.TakeBefore(16);
        sample.TakeBefore(32);
        sample.TakeBefore(48);
        sample.Moment.CopyTo(moment);
        double weight = 2 * 0.95 + 1;
        sample.Moment.Weight.ShouldBe(weight, 1e-12);
        double[] expected = [(0.95 * 10 + 1) / weight, (0.95 * -1 + 1) / weight, (0.95 * -1 + 1) / weight, (0.95 * 5 + 1) / weight];
        moment.Zip(expected, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-12);
    }

    /// <summary>Rewinding to any length and going on gives the bits of never having been further.</summary>
    [Fact]
    public void After_rewinding_the_blocks_can_be_taken_once_more() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[0, 300], Gen.Int[0, 1000]).Sample((reached, length, seed) =>
        {
            length = Math.Min(reached, length);
            var options = new ClusteredOptions { BlockSize = 32 };
            var straight = new QuerySample(options, dimension: 5, group: 2);
            var rewound = new QuerySample(options, dimension: 5, group: 2);
            Advance(straight, 0, 320, seed);
            Advance(rewound, 0, length, seed);
            Advance(rewound, length, reached, seed + 1);
            rewound.Rewind(length);
            rewound.Restart();
            for (int start = 0; start < length; start += 32)
            {
                rewound.TakeBefore(start);
            }
            Advance(rewound, length, 320, seed);
            double[] expected = new double[25], moment = new double[25];
            straight.Moment.CopyTo(expected);
            rewound.Moment.CopyTo(moment);
            moment.ShouldBe(expected);
            straight.Moment.Count.ShouldBeGreaterThan(100);
            rewound.Moment.Count.ShouldBe(straight.Moment.Count);
        }, iter: 100);

    private static void Advance(QuerySample sample, int from, int to, int seed)
    {
        for (int position = from; position < to; position++)
        {
            if (position % 32 == 0)
            {
                sample.TakeBefore(position);
            }
            if (sample.MemberAt(position) >= 0)
            {
                var random = new Random(1000 * seed + position);
                sample.Add(position, [.. Enumerable.Range(0, 5).Select(_ => random.NextSingle() - 0.3f)]);
            }
        }
    }
}
