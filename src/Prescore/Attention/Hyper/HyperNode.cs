using System.Buffers;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Hyper;

/// <summary>
/// HyperAttention of some queries over a segment of keys of one key/value head: keys sorted by their code and cut into
/// blocks, each query given one block, and a random sample of the keys outside the block (sortLSH with residual
/// sampling, arXiv 2310.05869, algorithms 1 and 3). Every block has the same number of keys; where the segment is
/// not a multiple of it, neighbouring blocks overlap.
/// </summary>
internal sealed class HyperNode
{
    private readonly AttentionShape _shape;
    private readonly int[] _keys;
    private readonly int[] _always;
    private readonly int _blockKeys;
    private readonly int _samples;
    private int[] _drawn = [];
    private int[] _rows = [];
    private int[] _rowStarts = [];

    private HyperNode(AttentionShape shape, HyperSettings settings, int batch, int head, SegmentKeys keys)
    {
        (_shape, Batch, Head) = (shape, batch, head);
        (_keys, _always) = (keys.Hashed, keys.Always);
        // A sample as large as the rest is the rest: then all keys are one block.
        bool exact = settings.Terms(_keys.Length) == _keys.Length;
        _blockKeys = exact ? _keys.Length : settings.Block;
        _samples = exact ? 0 : settings.Sample;
        Blocks = exact ? 1 : (_keys.Length + _blockKeys - 1) / _blockKeys;
    }

    public int Batch { get; }

    /// <summary>Key/value head.</summary>
    public int Head { get; }

    /// <summary>Number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>Builds a node.</summary>
    /// <param name="call">The call.</param>
    /// <param name="settings">Block and sample size.</param>
    /// <param name="pairing">How queries find their block.</param>
    /// <param name="codes">Codes of keys and queries; null only where the segment is computed exactly anyway.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="keys">The segment's keys.</param>
    /// <param name="firstQuery">First query of the call that attends the segment.</param>
    /// <param name="endQuery">One beyond the last.</param>
    public static HyperNode Create(
        AttentionCall call, HyperSettings settings, QueryPairing pairing, HashCodes? codes, int batch, int head, SegmentKeys keys, int firstQuery, int endQuery)
    {
        var node = new HyperNode(call.Shape, settings, batch, head, keys);
        int rows = (endQuery - firstQuery) * call.Shape.GroupSize;
        int[] blockOf = ArrayPool<int>.Shared.Rent(rows);
        blockOf.AsSpan(0, rows).Clear();
        if (node.Blocks > 1)
        {
            ushort[] sortedCodes = node.SortKeys(codes!.Keys(batch, head));
            node._drawn = ResidualSample.First(call.Options, head, node._keys, Math.Min(node._keys.Length, node._blockKeys + node._samples));
            for (int member = 0; member < call.Shape.GroupSize; member++)
            {
                ReadOnlySpan<ushort> queries = codes.Queries(batch, head * call.Shape.GroupSize + member).AsSpan(firstQuery, endQuery - firstQuery);
                if (pairing == QueryPairing.Rank)
                {
                    node.PairByRank(queries, sortedCodes, blockOf, member);
                }
                else
                {
                    node.PairByOrder(queries, blockOf, member);
                }
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

    /// <summary>Lists the keys that the rows of a block attend, with the samples' log-weight.</summary>
    public void Gather(int block, KeyGather keys)
    {
        keys.Begin(Batch, Head);
        keys.Add(_always);
        int start = BlockStart(block);
        keys.Add(_keys.AsSpan(start, _blockKeys));
        float logWeight = _samples == 0 ? 0 : ResidualSample.LogWeight(_keys.Length - _blockKeys, _samples);
        int samples = 0;
        for (int i = 0; samples < _samples; i++)
        {
            int index = _drawn[i];
            if (index < start || index >= start + _blockKeys)
            {
                keys.Add(_keys[index], logWeight);
                samples++;
            }
        }
    }

    private int BlockStart(int block) => Blocks == 1 ? 0 : (int)((long)block * (_keys.Length - _blockKeys) / (Blocks - 1));

    /// <summary>Sorts the keys by code, ties by position, and returns the codes in that order.</summary>
    private ushort[] SortKeys(ushort[] codes)
    {
        ulong[] order = ArrayPool<ulong>.Shared.Rent(_keys.Length);
        for (int i = 0; i < _keys.Length; i++)
        {
            order[i] = (ulong)codes[_keys[i]] << 32 | (uint)_keys[i];
        }
        order.AsSpan(0, _keys.Length).Sort();
        var sorted = new ushort[_keys.Length];
        for (int i = 0; i < _keys.Length; i++)
        {
            sorted[i] = (ushort)(order[i] >> 32);
            _keys[i] = (int)(uint)order[i];
        }
        ArrayPool<ulong>.Shared.Return(order);
        return sorted;
    }

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
