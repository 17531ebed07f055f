using System.Buffers;
using Prescore.Attention.Contracts;
using Prescore.Numerics;

namespace Prescore.Attention.Hyper;

/// <summary>
/// Keys drawn without replacement to stand for those that a query block does not compute exactly. A head's keys have a
/// fixed random order, a function of (seed, layer, head, absolute position); the sample of a block is the first keys
/// in that order that are not in the block, which is a uniform draw from its complement.
/// </summary>
internal static class ResidualSample
{
    /// <summary>
    /// Indices of the first <paramref name="count"/> of <paramref name="positions"/> in the random order of the head.
    /// </summary>
    public static int[] First(AttentionOptions options, int head, ReadOnlySpan<int> positions, int count)
    {
        ulong[] hashes = ArrayPool<ulong>.Shared.Rent(positions.Length);
        int[] indices = ArrayPool<int>.Shared.Rent(positions.Length);
        for (int i = 0; i < positions.Length; i++)
        {
            hashes[i] = CounterRandom.Hash(options.Seed, options.Layer, head, positions[i], RandomStream.ResidualOrder);
            indices[i] = i;
        }
        hashes.AsSpan(0, positions.Length).Sort(indices.AsSpan(0, positions.Length));
        int[] first = indices.AsSpan(0, count).ToArray();
        ArrayPool<ulong>.Shared.Return(hashes);
        ArrayPool<int>.Shared.Return(indices);
        return first;
    }

    /// <summary>
    /// What to add to the logits of a sample so that the samples' sum estimates that of the whole residual without bias: ln(residual/samples).
    /// </summary>
    public static float LogWeight(int residual, int samples) => (float)Math.Log((double)residual / samples);
}
