using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Attention.Hyper;

/// <summary>Angular hash codes of all keys of a sequence or batch, and of the queries of one call after the other.</summary>
internal sealed class HashCodes : IDisposable
{
    private const int RowsPerItem = 2048;

    private readonly AngularHash[] _hashes;
    private readonly int _groupSize;
    private readonly int _queryHeads;
    private readonly ushort[][] _keys;
    private readonly ushort[][] _queries;
    private int _hashedKeys;

    /// <summary>Draws the planes of all key/value heads; nothing is hashed yet.</summary>
    public HashCodes(AttentionOptions options, int batch, int queryHeads, int keyValueHeads, int dimension)
    {
        _hashes = [.. Enumerable.Range(0, keyValueHeads).Select(head => new AngularHash(options, head, dimension))];
        (_queryHeads, _groupSize) = (queryHeads, queryHeads / keyValueHeads);
        _keys = [.. Enumerable.Repeat(Array.Empty<ushort>(), batch * keyValueHeads)];
        _queries = [.. Enumerable.Repeat(Array.Empty<ushort>(), batch * queryHeads)];
    }

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(ushort) * (_keys.Sum(codes => (long)codes.Length) + _queries.Sum(codes => (long)codes.Length));

    /// <summary>Hashes the keys that are not yet hashed and the queries of a call, on all its threads.</summary>
    public void Hash(AttentionCall call)
    {
        Fill(call, _keys, _hashes.Length, call.Keys, head => _hashes[head], _hashedKeys, call.Shape.Keys);
        Fill(call, _queries, _queryHeads, call.Queries, head => _hashes[head / _groupSize], 0, call.Shape.Queries);
        _hashedKeys = call.Shape.Keys;
    }

    /// <summary>Forgets the codes of keys from position <paramref name="length"/> on.</summary>
    public void Truncate(int length) => _hashedKeys = Math.Min(_hashedKeys, length);

    /// <summary>Codes of the keys of a key/value head.</summary>
    public ushort[] Keys(int batch, int head) => _keys[batch * _hashes.Length + head];

    /// <summary>Codes of the queries of a query head.</summary>
    public ushort[] Queries(int batch, int head) => _queries[batch * _queryHeads + head];

    public void Dispose() => Array.ForEach(_hashes, hash => hash.Dispose());

    private static void Fill(
        AttentionCall call, ushort[][] codes, int heads, Func<int, int, MatrixView> rowsOf, Func<int, AngularHash> hashOf, int first, int end)
    {
        for (int i = 0; i < codes.Length; i++)
        {
            if (codes[i].Length < end)
            {
                Array.Resize(ref codes[i], first == 0 ? end : end + end / 4);
            }
        }
        int pieces = (end - first + RowsPerItem - 1) / RowsPerItem;
        ParallelItems.Run(
            codes.Length * pieces,
            call.Options.Threads,
            item =>
            {
                long start = Stopwatch.GetTimestamp();
                (int batchHead, int piece) = Math.DivRem(item, pieces);
                (int batch, int head) = Math.DivRem(batchHead, heads);
                int from = first + piece * RowsPerItem;
                int count = Math.Min(RowsPerItem, end - from);
                hashOf(head).Codes(rowsOf(batch, head).Slice(from, count), codes[batchHead].AsSpan(from, count));
                call.Work.AddIndexTime(start);
            },
            call.CancellationToken);
    }
}
