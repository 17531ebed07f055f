using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Attention.Hyper;

/// <summary>Angular hash codes of all keys and queries of a call.</summary>
internal sealed class HashCodes
{
    private const int RowsPerItem = 2048;

    private readonly AttentionCall _call;
    private readonly ushort[][] _keys;
    private readonly ushort[][] _queries;

    private HashCodes(AttentionCall call)
    {
        _call = call;
        AttentionShape shape = call.Shape;
        _keys = Allocate(shape.Batch * shape.KeyValueHeads, shape.Keys);
        _queries = Allocate(shape.Batch * shape.QueryHeads, shape.Queries);
    }

    /// <summary>Hashes everything, on all threads of the call.</summary>
    public static HashCodes Compute(AttentionCall call)
    {
        var codes = new HashCodes(call);
        AttentionShape shape = call.Shape;
        AngularHash[] hashes = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(head => new AngularHash(call.Options, head, shape.HeadDimension))];
        try
        {
            codes.Fill(codes._keys, shape.KeyValueHeads, call.Keys, head => hashes[head]);
            codes.Fill(codes._queries, shape.QueryHeads, call.Queries, head => hashes[head / shape.GroupSize]);
        }
        finally
        {
            Array.ForEach(hashes, hash => hash.Dispose());
        }
        return codes;
    }

    /// <summary>Codes [n_k] of the keys of a key/value head.</summary>
    public ushort[] Keys(int batch, int head) => _keys[batch * _call.Shape.KeyValueHeads + head];

    /// <summary>Codes [n_q] of the queries of a query head.</summary>
    public ushort[] Queries(int batch, int head) => _queries[batch * _call.Shape.QueryHeads + head];

    private static ushort[][] Allocate(int heads, int rows) => [.. Enumerable.Range(0, heads).Select(_ => new ushort[rows])];

    private void Fill(ushort[][] codes, int heads, Func<int, int, MatrixView> rowsOf, Func<int, AngularHash> hashOf)
    {
        int rows = codes[0].Length;
        int pieces = (rows + RowsPerItem - 1) / RowsPerItem;
        ParallelItems.Run(
            codes.Length * pieces,
            _call.Options.Threads,
            item =>
            {
                long start = Stopwatch.GetTimestamp();
                (int batchHead, int piece) = Math.DivRem(item, pieces);
                (int batch, int head) = Math.DivRem(batchHead, heads);
                int first = piece * RowsPerItem;
                int count = Math.Min(RowsPerItem, rows - first);
                hashOf(head).Codes(rowsOf(batch, head).Slice(first, count), codes[batchHead].AsSpan(first, count));
                _call.Work.AddIndexTime(start);
            },
            _call.CancellationToken);
    }
}
