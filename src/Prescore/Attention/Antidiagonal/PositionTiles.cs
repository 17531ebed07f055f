using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Scheduling;
using Prescore.Storage;

namespace Prescore.Attention.Antidiagonal;

/// <summary>Keys and values of a head packed so that key i of the tiles stands at position i: removed ones keep their place.</summary>
internal static class PositionTiles
{
    /// <summary>Packs them; the caller disposes of the tiles.</summary>
    public static KeyValueTiles Pack(AttentionCall call, int batch, int head)
    {
        MatrixView keys = call.Keys(batch, head), values = call.Values(batch, head);
        KeyValueTiles tiles = KeyValueTiles.Create(call.Options.Simd);
        tiles.Reserve(keys.Rows, keys.Columns, values.Columns, call.HasLogWeights);
        int[] rows = call.HasLogWeights ? [.. Enumerable.Range(0, keys.Rows)] : [];
        float[] bias = call.KeyLogWeights(batch, head).ToArray();
        for (int i = 0; i < bias.Length; i++)
        {
            bias[i] = Math.Max(bias[i], QueryBlock.RemovedKey);
        }
        ParallelItems.Run(
            tiles.Blocks,
            call.Options.Threads,
            block =>
            {
                if (bias.Length > 0)
                {
                    tiles.PackBlock(block, keys, values, rows, bias);
                }
                else
                {
                    tiles.PackBlock(block, keys, values);
                }
            },
            call.CancellationToken);
        return tiles;
    }
}

/// <summary>How many keys of a head before a position are not removed.</summary>
internal sealed class KeptBefore
{
    private readonly int[]? _counts;

    public KeptBefore(AttentionCall call, int batch, int head)
    {
        if (!call.HasLogWeights)
        {
            return;
        }
        ReadOnlySpan<float> logWeights = call.KeyLogWeights(batch, head);
        _counts = new int[logWeights.Length + 1];
        for (int key = 0; key < logWeights.Length; key++)
        {
            _counts[key + 1] = _counts[key] + (float.IsNegativeInfinity(logWeights[key]) ? 0 : 1);
        }
    }

    /// <summary>Keys in [first, end) that are not removed.</summary>
    public int Between(int first, int end) => _counts is null ? end - first : _counts[end] - _counts[first];
}
