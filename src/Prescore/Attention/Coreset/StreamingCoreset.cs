using System.Buffers;
using System.Diagnostics;
using Prescore.Attention.Core;

namespace Prescore.Attention.Coreset;

/// <summary>
/// Representatives of the far keys of each block of queries of one key/value head in a causal stream. Centres are fitted
/// at the first block of an epoch; a later key joins the nearest of them. A block's representatives are the means of the
/// clusters' members among the block's own far keys.
/// </summary>
/// <param name="call">The call.</param>
/// <param name="batch">Sequence.</param>
/// <param name="head">Key/value head.</param>
/// <param name="far">Far keys of each block.</param>
/// <param name="count">Number of representatives; as many keys or fewer stay as they are.</param>
/// <param name="steps">Lloyd steps of a fit at most.</param>
internal sealed class StreamingCoreset(AttentionCall call, int batch, int head, FarKeys far, int count, int steps)
{
    private readonly EpochLabels[] _epochs = new EpochLabels[far.Epochs.Count];

    /// <summary>Fits the centres of an epoch and labels the far keys of all its blocks.</summary>
    /// <param name="epoch">Number of the epoch.</param>
    /// <param name="left">
    /// Positions of those far keys of the epoch's first block that are not computed otherwise: the centres are fitted on them,
    /// or on all far keys of that block where they are too few.
    /// </param>
    public void Fit(int epoch, ReadOnlySpan<int> left)
    {
        ReadOnlySpan<int> all = far.Of(far.Epochs[epoch].EndBlock - 1);
        if (all.Length <= count)
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        ReadOnlySpan<int> fitKeys = left.Length > count ? left : far.Of(far.Epochs[epoch].FirstBlock);
        using KeyClustering clusters = KeyClustering.Fit(call, batch, head, fitKeys, Math.Min(count, fitKeys.Length), steps);
        var labels = new int[all.Length];
        clusters.Assign(all, labels);
        _epochs[epoch] = new EpochLabels(labels, clusters.Count);
        call.Work.AddIndexProducts(clusters.IndexProducts);
        call.Work.AddIndexTime(start);
    }

    /// <summary>Adds what stands for the far keys of a block.</summary>
    /// <param name="keys">Receives them.</param>
    /// <param name="block">Number of the block.</param>
    /// <param name="without">Indices into <see cref="FarKeys.Of"/>, ascending, of keys that are computed otherwise.</param>
    public void AddTo(WeightedKeys keys, int block, ReadOnlySpan<int> without)
    {
        ReadOnlySpan<int> positions = far.Of(block);
        if (positions.Length - without.Length <= count)
        {
            AddAll(keys, positions, without);
            return;
        }
        (int[] fittedLabels, int clusters) = _epochs[far.EpochOf(block)];
        long start = Stopwatch.GetTimestamp();
        int[] labels = ArrayPool<int>.Shared.Rent(positions.Length);
        fittedLabels.AsSpan(0, positions.Length).CopyTo(labels);
        foreach (int index in without)
        {
            labels[index] = -1;
        }
        keys.AddClusters(positions, labels.AsSpan(0, positions.Length), clusters);
        ArrayPool<int>.Shared.Return(labels);
        call.Work.AddIndexTime(start);
    }

    private static void AddAll(WeightedKeys keys, ReadOnlySpan<int> positions, ReadOnlySpan<int> without)
    {
        for (int i = 0; i < positions.Length; i++)
        {
            if (!without.IsEmpty && without[0] == i)
            {
                without = without[1..];
                continue;
            }
            keys.AddKey(positions[i]);
        }
    }

    private readonly record struct EpochLabels(int[] Labels, int Clusters);
}
