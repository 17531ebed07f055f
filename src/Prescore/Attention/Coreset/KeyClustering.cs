using System.Buffers;
using Prescore.Attention.Core;
using Prescore.Clustering;
using Prescore.Memory;
using Prescore.Numerics;

namespace Prescore.Attention.Coreset;

/// <summary>A k-means clustering of keys of one key/value head of a call.</summary>
internal sealed class KeyClustering : IDisposable
{
    /// <summary>Keys that centres are fitted on at most; of more, that many evenly spaced ones are taken.</summary>
    public const int FitKeys = 1024;

    private readonly CentreSet _centres;
    private long _products;

    private KeyClustering(ClusterFit fit) => (_centres, _products) = (fit.Centres, fit.Products);

    /// <summary>Number of clusters.</summary>
    public int Count => _centres.Count;

    /// <summary>Bytes of the centres.</summary>
    public long Bytes => 2L * sizeof(float) * _centres.Centres.Length;

    /// <summary>Key-side products computed since the last call.</summary>
    public long TakeIndexProducts() => Interlocked.Exchange(ref _products, 0);

    /// <summary>Fits centres.</summary>
    /// <param name="call">The call.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="positions">Positions of the keys to fit on, ascending, at least <paramref name="count"/>.</param>
    /// <param name="count">Number of clusters, at least 1.</param>
    /// <param name="steps">Lloyd steps at most.</param>
    public static KeyClustering Fit(AttentionCall call, int batch, int head, ReadOnlySpan<int> positions, int count, int steps)
    {
        int fitted = Math.Min(positions.Length, Math.Max(FitKeys, count));
        int[] sample = ArrayPool<int>.Shared.Rent(fitted);
        for (int i = 0; i < fitted; i++)
        {
            sample[i] = positions[EvenSpacing.Index(i, fitted, positions.Length)];
        }
        MatrixView keys = call.Keys(batch, head);
        var gathered = new GatheredRows(keys, sample.AsSpan(0, fitted));
        int[] labels = ArrayPool<int>.Shared.Rent(fitted);
        var origin = new RandomOrigin(call.Options.Seed, call.Options.Layer, head, positions[0]);
        ClusterFit fit = KMeans.Fit(gathered.Matrix, count, origin, labels.AsSpan(0, fitted), steps, call.Options.Simd);
        ArrayPool<int>.Shared.Return(labels);
        ArrayPool<int>.Shared.Return(sample);
        gathered.Dispose();
        return new KeyClustering(fit);
    }

    /// <summary>Labels keys with their nearest centre.</summary>
    /// <param name="keys">Keys of the head.</param>
    /// <param name="positions">Positions, ascending.</param>
    /// <param name="labels">Receives their labels.</param>
    /// <param name="repairs">Whether no cluster may stay empty unless keys coincide.</param>
    public void Assign(MatrixView keys, ReadOnlySpan<int> positions, Span<int> labels, bool repairs)
    {
        using var gathered = new GatheredRows(keys, positions);
        _centres.Assign(gathered.Matrix, labels);
        if (repairs)
        {
            EmptyClusters.Repair(gathered.Matrix, _centres, labels);
        }
        _products += (long)positions.Length * Count;
    }

    public void Dispose() => _centres.Dispose();
}
