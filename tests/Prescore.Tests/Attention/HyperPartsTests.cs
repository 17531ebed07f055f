using CsCheck;
using Prescore.Attention.Contracts;
using Prescore.Attention.Hyper;

namespace Prescore.Tests.Attention;

/// <summary>The parts HyperAttention is made of: tree, hash, sample.</summary>
public class HyperPartsTests
{
    [Fact]
    public void Leaf_and_nodes_cover_every_visible_key_once() =>
        Gen.Select(Gen.Int[1, 70], Gen.Int[0, 300], Gen.Int[1, 100]).Sample((minimum, first, count) =>
        {
            var tree = new DyadicTree(minimum);
            List<DyadicNode> nodes = tree.Nodes(first, first + count);
            for (int t = first; t < first + count; t++)
            {
                IEnumerable<int> keys = nodes
                    .Where(node => node.EndKey <= t && t < node.EndQuery)
                    .SelectMany(node => Enumerable.Range(node.FirstKey, node.EndKey - node.FirstKey))
                    .Concat(Enumerable.Range(tree.LeafStart(t), t - tree.LeafStart(t) + 1));
                keys.Order().ShouldBe(Enumerable.Range(0, t + 1));
                tree.SumOverNodes(t, (firstKey, length) => firstKey * 1000L + length)
                    .ShouldBe(nodes.Where(node => node.EndKey <= t && t < node.EndQuery).Sum(node => node.FirstKey * 1000L + node.EndKey - node.FirstKey));
            }
            nodes.ShouldAllBe(node => node.EndKey < first + count && node.EndQuery > first);
        }, iter: 50);

    [Fact]
    public void A_leaf_is_the_longest_power_of_two_within_the_shortest_sequence()
    {
        new DyadicTree(1).LeafLength.ShouldBe(1);
        new DyadicTree(511).LeafLength.ShouldBe(256);
        new DyadicTree(512).LeafLength.ShouldBe(512);
        new DyadicTree(int.MaxValue).LeafLength.ShouldBe(1 << 30);
    }

    [Fact]
    public void Neighbouring_codes_differ_in_one_plane()
    {
        var bitsOf = new int[1 << AngularHash.Planes];
        for (int bits = 0; bits < bitsOf.Length; bits++)
        {
            bitsOf[AngularHash.GrayRank((ushort)bits)] = bits;
        }
        for (int rank = 1; rank < bitsOf.Length; rank++)
        {
            System.Numerics.BitOperations.PopCount((uint)(bitsOf[rank] ^ bitsOf[rank - 1])).ShouldBe(1);
        }
    }

    [Fact]
    public void A_sample_is_a_uniform_draw_without_replacement()
    {
        int[] positions = [.. Enumerable.Range(0, 20).Select(i => 3 * i)];
        var hits = new int[20];
        const int seeds = 4000;
        for (int seed = 0; seed < seeds; seed++)
        {
            int[] sample = ResidualSample.First(new AttentionOptions { Seed = (ulong)seed }, head: 2, positions, 5);
            sample.Distinct().Count().ShouldBe(5);
            Array.ForEach(sample, index => hits[index]++);
        }
        // Each of 20 is drawn by a fourth of the seeds, give or take 27.
        hits.ShouldAllBe(count => Math.Abs(count - seeds / 4) < 4.5 * 27.4);
    }

    [Fact]
    public void A_sample_of_fewer_keys_keeps_the_order_of_the_head()
    {
        int[] positions = [.. Enumerable.Range(0, 100)];
        int[] order = ResidualSample.First(AttentionOptions.Default, 0, positions, 100);
        int[] ofEven = ResidualSample.First(AttentionOptions.Default, 0, [.. positions.Where(p => p % 2 == 0)], 50);
        ofEven.Select(index => 2 * index).ShouldBe(order.Where(p => p % 2 == 0));
    }
}
