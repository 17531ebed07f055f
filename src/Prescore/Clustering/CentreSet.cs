using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>Cluster centres in Euclidean space, ready to take points: Lloyd's assignment step, for fitting and for later keys alike.</summary>
public sealed class CentreSet : IDisposable
{
    private readonly float[] _centres;
    private readonly RelativeDistances _distances;

    /// <summary>Prepares centres.</summary>
    /// <param name="centres">Centres [count, dimension], dense and finite; copied.</param>
    /// <param name="count">Number of centres, at least 1.</param>
    /// <param name="dimension">Size of a point.</param>
    /// <param name="simd">SIMD path.</param>
    public CentreSet(ReadOnlySpan<float> centres, int count, int dimension, SimdPath simd)
    {
        _centres = centres[..(count * dimension)].ToArray();
        Dimension = dimension;
        _distances = new RelativeDistances(_centres, count, dimension, Factor(_centres), simd);
    }

    /// <summary>Number k of centres.</summary>
    public int Count => _distances.Count;

    /// <summary>Size d of a point.</summary>
    public int Dimension { get; }

    /// <summary>Centres [k, d], dense.</summary>
    public ReadOnlySpan<float> Centres => _centres;

    /// <summary>One centre.</summary>
    public ReadOnlySpan<float> this[int index] => Centres.Slice(index * Dimension, Dimension);

    /// <summary>Labels every point with its nearest centre, ties to the lower index. Computes n·k products.</summary>
    /// <param name="points">Points [n, d].</param>
    /// <param name="labels">Receives [n] labels.</param>
    public void Assign(in KeyMatrix points, Span<int> labels)
    {
        int chunk = Math.Min(_distances.Chunk, points.Count);
        float[] products = ArrayPool<float>.Shared.Rent(chunk * Count);
        for (int start = 0; start < points.Count; start += chunk)
        {
            int rows = Math.Min(chunk, points.Count - start);
            _distances.Products(points.Slice(start, rows), products);
            for (int i = 0; i < rows; i++)
            {
                labels[start + i] = OffsetMinimum.IndexOf(products.AsSpan(i * Count, Count), _distances.Offsets);
            }
        }
        ArrayPool<float>.Shared.Return(products);
    }

    /// <summary>Distance of every point to the centre of its label, computed from the differences, so without cancellation.</summary>
    /// <param name="points">Points [n, d].</param>
    /// <param name="labels">Labels [n].</param>
    /// <param name="distances">Receives [n] distances (not squared).</param>
    public void Distances(in KeyMatrix points, ReadOnlySpan<int> labels, Span<float> distances)
    {
        for (int i = 0; i < points.Count; i++)
        {
            distances[i] = (float)KeyNorm.OfDifference(points[i], this[labels[i]]);
        }
        FiniteScores.Clamp(distances[..points.Count]);
    }

    /// <inheritdoc/>
    public void Dispose() => _distances.Dispose();

    /// <summary>A power of two near 1 ÷ the largest component, so that products of very large or small keys stay in range.</summary>
    private static double Factor(ReadOnlySpan<float> centres)
    {
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(centres));
        return largest > 0 ? Math.ScaleB(1, -Math.ILogB(largest)) : 1;
    }
}
