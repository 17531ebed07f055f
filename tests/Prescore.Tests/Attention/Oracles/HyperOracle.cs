using Prescore.Attention.Contracts;
using Prescore.Attention.Hyper;
using Prescore.Numerics;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>
/// HyperAttention as lists: for each query the keys it computes, with the log-weight of samples, by sorting everything
/// with LINQ and hashing in double precision.
/// </summary>
/// <param name="tensors">Inputs.</param>
/// <param name="settings">Sizes.</param>
/// <param name="options">Seed and layer.</param>
/// <param name="select">Of (batch, key/value head, first key, end key): the keys to hash and those always computed; null: all are hashed.</param>
internal sealed class HyperOracle(
    AttentionTensors tensors, HyperSettings settings, AttentionOptions options, Func<int, int, int, int, (int[] Hashed, int[] Always)>? select = null)
{
    private const int Planes = 16;

    private readonly Dictionary<(int, int, int, int), (int[] Hashed, int[] Always)> _segments = [];
    private readonly Dictionary<(string, int, int, int), int> _codes = [];
    private readonly int[] _grayRank = InverseGray();

    public IEnumerable<(int Key, double Bias)> Keys(int batch, int head, int query)
    {
        AttentionShape shape = tensors.Shape;
        if (!tensors.Causal)
        {
            return Segment(batch, head, query, 0, shape.Keys, 0, shape.Queries, paper: true);
        }
        int t = shape.FirstQueryPosition + query;
        int leaf = 1;
        while (2 * leaf <= settings.MinSequence)
        {
            leaf *= 2;
        }
        int leafStart = t / leaf * leaf;
        IEnumerable<(int, double)> keys = Enumerable.Range(leafStart, t - leafStart + 1).Select(key => (key, 0.0));
        for (int length = leaf; length <= t; length *= 2)
        {
            int m = t / length;
            if (m % 2 == 1)
            {
                int firstQuery = Math.Max(0, m * length - shape.FirstQueryPosition);
                int endQuery = Math.Min(shape.Queries, (m + 1) * length - shape.FirstQueryPosition);
                keys = keys.Concat(Segment(batch, head, query, (m - 1) * length, m * length, firstQuery, endQuery, settings.Pairing == QueryPairing.Paper));
            }
        }
        return keys;
    }

    public static bool IsKept(AttentionTensors tensors, int batch, int keyValueHead, int key) =>
        tensors.KeyLogWeights.Length == 0
        || !float.IsNegativeInfinity(tensors.KeyLogWeights[(batch * tensors.Shape.KeyValueHeads + keyValueHead) * tensors.Shape.Keys + key]);

    private IEnumerable<(int Key, double Bias)> Segment(
        int batch, int head, int query, int firstKey, int endKey, int firstQuery, int endQuery, bool paper)
    {
        int keyValueHead = head / tensors.Shape.GroupSize;
        (int[] keys, int[] always) = Selected(batch, keyValueHead, firstKey, endKey);
        IEnumerable<(int, double)> result = always.Select(key => (key, 0.0));
        if (keys.Length <= settings.Block + settings.Sample)
        {
            return result.Concat(keys.Select(key => (key, 0.0)));
        }
        int blocks = (keys.Length + settings.Block - 1) / settings.Block;
        int[] sorted = [.. keys.OrderBy(key => KeyCode(batch, keyValueHead, key)).ThenBy(key => key)];
        int place, total;
        if (paper)
        {
            int[] queries = [.. Enumerable.Range(firstQuery, endQuery - firstQuery).OrderBy(q => QueryCode(batch, head, q)).ThenBy(q => q)];
            (place, total) = (Array.IndexOf(queries, query), queries.Length);
        }
        else
        {
            place = Math.Min(keys.Count(key => KeyCode(batch, keyValueHead, key) < QueryCode(batch, head, query)), keys.Length - 1);
            total = keys.Length;
        }
        int block = place * blocks / total;
        int start = blocks == 1 ? 0 : block * (keys.Length - settings.Block) / (blocks - 1);
        int[] members = sorted[start..(start + settings.Block)];
        int[] rest = [.. keys.Except(members)];
        IEnumerable<int> samples = rest
            .OrderBy(key => CounterRandom.Hash(options.Seed, options.Layer, keyValueHead, key, RandomStream.ResidualOrder))
            .Take(settings.Sample);
        return result
            .Concat(members.Select(key => (key, 0.0)))
            .Concat(samples.Select(key => (key, Math.Log(rest.Length / (double)settings.Sample))));
    }

    private (int[] Hashed, int[] Always) Selected(int batch, int keyValueHead, int firstKey, int endKey)
    {
        if (!_segments.TryGetValue((batch, keyValueHead, firstKey, endKey), out (int[], int[]) segment))
        {
            segment = select?.Invoke(batch, keyValueHead, firstKey, endKey)
                ?? ([.. Enumerable.Range(firstKey, endKey - firstKey).Where(key => IsKept(tensors, batch, keyValueHead, key))], []);
            _segments.Add((batch, keyValueHead, firstKey, endKey), segment);
        }
        return segment;
    }

    private int KeyCode(int batch, int head, int key) =>
        Code("key", batch, head, key, tensors.Keys, (batch * tensors.Shape.KeyValueHeads + head) * tensors.Shape.Keys + key, head);

    private int QueryCode(int batch, int head, int query) => Code(
        "query", batch, head, query, tensors.Queries,
        (batch * tensors.Shape.QueryHeads + head) * tensors.Shape.Queries + query, head / tensors.Shape.GroupSize);

    private int Code(string kind, int batch, int head, int index, float[] rows, int row, int keyValueHead)
    {
        if (_codes.TryGetValue((kind, batch, head, index), out int code))
        {
            return code;
        }
        int d = tensors.Shape.HeadDimension;
        int bits = 0;
        for (int plane = 0; plane < Planes; plane++)
        {
            double side = 0;
            for (int l = 0; l < d; l++)
            {
                ulong hash = CounterRandom.Hash(options.Seed, options.Layer, keyValueHead, plane * d + l, RandomStream.HashPlanes);
                side += rows[row * d + l] * (double)(float)CounterRandom.Gaussian(hash);
            }
            bits = 2 * bits + (side >= 0 ? 1 : 0);
        }
        return _codes[(kind, batch, head, index)] = _grayRank[bits];
    }

    private static int[] InverseGray()
    {
        var rank = new int[1 << Planes];
        for (int i = 0; i < rank.Length; i++)
        {
            rank[i ^ (i >> 1)] = i;
        }
        return rank;
    }
}
