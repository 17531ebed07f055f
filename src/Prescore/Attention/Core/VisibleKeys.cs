using Prescore.Memory;
using Prescore.Scheduling;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// All keys of a head packed in order of position, removed ones (log-weight −∞) left out, and how many of them each
/// query sees.
/// </summary>
internal sealed class VisibleKeys
{
    private readonly AttentionCall _call;
    private readonly int[]? _keptBefore;

    private VisibleKeys(AttentionCall call, int[]? keptBefore)
    {
        _call = call;
        _keptBefore = keptBefore;
    }

    /// <summary>All keys of a call without log-weights.</summary>
    public static VisibleKeys All(AttentionCall call) => new(call, null);

    /// <summary>Packs the keys and values of a key/value head into <paramref name="tiles"/>.</summary>
    public static VisibleKeys Pack(AttentionCall call, int batch, int head, KeyValueTiles tiles, int threads)
    {
        MatrixView keys = call.Keys(batch, head);
        MatrixView values = call.Values(batch, head);
        if (!call.HasLogWeights)
        {
            tiles.Reserve(keys.Rows, keys.Columns, values.Columns, bias: false);
            ParallelItems.Run(tiles.Blocks, threads, block => tiles.PackBlock(block, keys, values), call.CancellationToken);
            return All(call);
        }
        int[] keptBefore = KeptBefore(call.KeyLogWeights(batch, head));
        int[] rows = new int[keptBefore[^1]];
        float[] bias = new float[rows.Length];
        for (int key = 0; key < keys.Rows; key++)
        {
            if (keptBefore[key + 1] > keptBefore[key])
            {
                rows[keptBefore[key]] = key;
                bias[keptBefore[key]] = call.KeyLogWeights(batch, head)[key];
            }
        }
        tiles.Reserve(rows.Length, keys.Columns, values.Columns, bias: true);
        ParallelItems.Run(tiles.Blocks, threads, block => tiles.PackBlock(block, keys, values, rows, bias), call.CancellationToken);
        return new VisibleKeys(call, keptBefore);
    }

    /// <summary>Number of packed keys that a query sees: the first that many of the tiles.</summary>
    public int CountFor(int query)
    {
        int positions = _call.Causal ? _call.Shape.FirstQueryPosition + query + 1 : _call.Shape.Keys;
        return _keptBefore is null ? positions : _keptBefore[positions];
    }

    private static int[] KeptBefore(ReadOnlySpan<float> logWeights)
    {
        int[] before = new int[logWeights.Length + 1];
        for (int key = 0; key < logWeights.Length; key++)
        {
            before[key + 1] = before[key] + (float.IsNegativeInfinity(logWeights[key]) ? 0 : 1);
        }
        return before;
    }
}
