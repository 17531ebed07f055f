using System.Buffers;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Hyper;

/// <summary>HyperAttention of some queries over a segment of keys of one key/value head: each query has one block of it.</summary>
internal sealed class HyperNode
{
    private readonly AttentionShape _shape;
    private int[] _rows = [];
    private int[] _rowStarts = [];

    private HyperNode(AttentionShape shape, int batch, int head, SortedSegment keys)
    {
        (_shape, Batch, Head, Keys) = (shape, batch, head, keys);
    }

    public int Batch { get; }

    /// <summary>Key/value head.</summary>
    public int Head { get; }

    /// <summary>The segment's keys.</summary>
    public SortedSegment Keys { get; }

    /// <summary>Number of blocks.</summary>
    public int Blocks => Keys.Blocks;

    /// <summary>Gives every query its block.</summary>
    /// <param name="call">The call.</param>
    /// <param name="pairing">How queries find their block.</param>
    /// <param name="codes">Codes of the queries; null only where there is one block.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="keys">The segment's keys.</param>
    /// <param name="firstQuery">First query of the call that attends the segment.</param>
    /// <param name="endQuery">One beyond the last.</param>
    public static HyperNode Create(
        AttentionCall call, QueryPairing pairing, HashCodes? codes, int batch, int head, SortedSegment keys, int firstQuery, int endQuery)
    {
        var node = new HyperNode(call.Shape, batch, head, keys);
        int rows = (endQuery - firstQuery) * call.Shape.GroupSize;
        int[] blockOf = ArrayPool<int>.Shared.Rent(rows);
        blockOf.AsSpan(0, rows).Clear();
        for (int member = 0; member < call.Shape.GroupSize && node.Blocks > 1; member++)
        {
            ReadOnlySpan<ushort> queries = codes!.Queries(batch, head * call.Shape.GroupSize + member).AsSpan(firstQuery, endQuery - firstQuery);
            if (pairing == QueryPairing.Rank)
            {
                node.PairByRank(queries, keys.Codes, blockOf, member);
            }
            else
            {
                node.PairByOrder(queries, blockOf, member);
            }
        }
        node.GroupRows(blockOf.AsSpan(0, rows), firstQuery * call.Shape.GroupSize);
        ArrayPool<int>.Shared.Return(blockOf);
        return node;
    }

    /// <summary>Rows of a block; row r is query r / group of query head r % group of the group.</summary>
    public ReadOnlySpan<int> RowsOf(int block) => _rows.AsSpan(_rowStarts[block].._rowStarts[block + 1]);

    /// <summary>Query head and query of a row.</summary>
    public (int QueryHead, int Query) QueryOf(int row) =>
        (Head * _shape.GroupSize + row % _shape.GroupSize, row / _shape.GroupSize);

    /// <summary>A query goes to the block that holds the first key whose code is not below its own.</summary>
    private void PairByRank(ReadOnlySpan<ushort> queries, ushort[] sortedCodes, int[] blockOf, int member)
    {
        for (int i = 0; i < queries.Length; i++)
        {
            int rank = Math.Min(LowerBound(sortedCodes, queries[i]), sortedCodes.Length - 1);
            blockOf[i * _shape.GroupSize + member] = (int)((long)rank * Blocks / sortedCodes.Length);
        }
    }

    /// <summary>The queries of one head, sorted by code with ties by position, are cut into equal parts, one a block.</summary>
    private void PairByOrder(ReadOnlySpan<ushort> queries, int[] blockOf, int member)
    {
        ulong[] order = ArrayPool<ulong>.Shared.Rent(queries.Length);
        for (int i = 0; i < queries.Length; i++)
        {
            order[i] = (ulong)queries[i] << 32 | (uint)i;
        }
        order.AsSpan(0, queries.Length).Sort();
        for (int i = 0; i < queries.Length; i++)
        {
            blockOf[(int)(uint)order[i] * _shape.GroupSize + member] = (int)((long)i * Blocks / queries.Length);
        }
        ArrayPool<ulong>.Shared.Return(order);
    }

    private void GroupRows(ReadOnlySpan<int> blockOf, int firstRow)
    {
        _rows = new int[blockOf.Length];
        _rowStarts = new int[Blocks + 1];
        foreach (int block in blockOf)
        {
            _rowStarts[block + 1]++;
        }
        for (int block = 0; block < Blocks; block++)
        {
            _rowStarts[block + 1] += _rowStarts[block];
        }
        for (int row = blockOf.Length - 1; row >= 0; row--)
        {
            // Filled from the end of each range, so that afterwards _rowStarts[b + 1] is the start of block b.
            _rows[--_rowStarts[blockOf[row] + 1]] = firstRow + row;
        }
        _rowStarts.AsSpan(1).CopyTo(_rowStarts);
        _rowStarts[Blocks] = blockOf.Length;
    }

    private static int LowerBound(ushort[] sorted, ushort code)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (sorted[middle] < code)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low;
    }
}
