using System.Numerics;

namespace Prescore.Attention.Hyper;

/// <summary>
/// The tree by which HyperAttention takes causal attention apart (Han et al., arXiv 2310.05869, figure 2), on absolute
/// positions: a sequence is cut in halves until at most <c>minSequence</c> tokens are left, which are exact (a leaf);
/// the second half of every cut attends all keys of the first. A query's nodes are thus the set bits of its position,
/// whatever comes after it.
/// </summary>
/// <param name="minSequence">Longest sequence that is not cut, at least 1; the leaves have the power of two at or below it.</param>
internal readonly struct DyadicTree(int minSequence)
{
    private readonly int _leafLevel = BitOperations.Log2((uint)minSequence);

    /// <summary>Tokens of a leaf.</summary>
    public int LeafLength => 1 << _leafLevel;

    /// <summary>Where the leaf of a position starts: its query attends the keys from there on exactly.</summary>
    public int LeafStart(int position) => position & -LeafLength;

    /// <summary>All nodes with a query in [firstQuery, endQuery), level by level, smallest first.</summary>
    public List<DyadicNode> Nodes(int firstQuery, int endQuery)
    {
        var nodes = new List<DyadicNode>();
        for (int level = _leafLevel; level < 31 && 1 << level < endQuery; level++)
        {
            for (int index = (firstQuery >> level) | 1; (long)index << level < endQuery; index += 2)
            {
                nodes.Add(new DyadicNode(level, index));
            }
        }
        return nodes;
    }

    /// <summary>Sum over a query's nodes of what <paramref name="terms"/> makes of (first key, number of keys).</summary>
    public long SumOverNodes(int position, Func<int, int, long> terms)
    {
        long sum = 0;
        for (int rest = position & -LeafLength; rest != 0; rest &= rest - 1)
        {
            int length = rest & -rest;
            sum += terms((position & -length) - length, length);
        }
        return sum;
    }
}

/// <summary>
/// One node of the tree: the queries [m·2ʲ, (m + 1)·2ʲ), m odd, attend the keys [(m − 1)·2ʲ, m·2ʲ).
/// </summary>
/// <param name="Level">j.</param>
/// <param name="Index">m, odd.</param>
internal readonly record struct DyadicNode(int Level, int Index)
{
    /// <summary>First key.</summary>
    public int FirstKey => (Index - 1) << Level;

    /// <summary>One beyond the last key, and the first query.</summary>
    public int EndKey => Index << Level;

    /// <summary>One beyond the last query, if there are that many.</summary>
    public long EndQuery => (long)(Index + 1) << Level;
}
