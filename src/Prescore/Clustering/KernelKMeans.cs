using System.Buffers;

namespace Prescore.Clustering;

/// <summary>
/// k-means in the feature space of a kernel (Dhillon, Guan and Kulis, 2004), where a centre is known only by its members:
/// ‖φ(xᵢ) − mean of C‖² = K_ii − 2/|C| Σ_{j∈C} K_ij + 1/|C|² Σ_{j,l∈C} K_jl. Double precision throughout.
/// </summary>
public static class KernelKMeans
{
    /// <summary>Moves all points to their nearest cluster at once, ties to the lower, until no label changes.</summary>
    /// <param name="kernel">Kernel matrix of the points.</param>
    /// <param name="count">Number k of clusters.</param>
    /// <param name="labels">In: where to start, [n]. Out: the final labels.</param>
    /// <param name="maxSteps">Most moves.</param>
    /// <returns>Number of moves computed, counting one that changed nothing.</returns>
    public static int Refine(GaussianKernel kernel, int count, Span<int> labels, int maxSteps)
    {
        double[] pooled = ArrayPool<double>.Shared.Rent(labels.Length * count);
        int[] pooledLabels = ArrayPool<int>.Shared.Rent(labels.Length);
        Span<double> distances = pooled.AsSpan(0, labels.Length * count);
        Span<int> previous = pooledLabels.AsSpan(0, labels.Length);
        int step = 0;
        bool changed = true;
        while (step < maxSteps && changed)
        {
            labels.CopyTo(previous);
            SquaredDistances(kernel, count, labels, distances);
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = Nearest(distances.Slice(i * count, count));
            }
            EmptyClusters.Repair(distances, count, labels);
            changed = !labels.SequenceEqual(previous);
            step++;
        }
        ArrayPool<double>.Shared.Return(pooled);
        ArrayPool<int>.Shared.Return(pooledLabels);
        return step;
    }

    /// <summary>Squared feature-space distance of every point to every cluster mean, at least 0; +∞ to an empty cluster.</summary>
    /// <param name="kernel">Kernel matrix of the points.</param>
    /// <param name="count">Number k of clusters.</param>
    /// <param name="labels">Labels [n].</param>
    /// <param name="distances">Receives [n, k].</param>
    /// <returns>‖mean of C‖² of every cluster, [k].</returns>
    public static double[] SquaredDistances(GaussianKernel kernel, int count, ReadOnlySpan<int> labels, Span<double> distances)
    {
        int[] sizes = EmptyClusters.Sizes(labels, count);
        var similarities = new double[count];
        Span<double> sums = distances[..(labels.Length * count)];
        sums.Clear();
        for (int i = 0; i < labels.Length; i++)
        {
            Span<double> row = sums.Slice(i * count, count);
            ReadOnlySpan<double> values = kernel[i];
            for (int j = 0; j < values.Length; j++)
            {
                row[labels[j]] += values[j];
            }
            double size = sizes[labels[i]];
            similarities[labels[i]] += row[labels[i]] / (size * size);
        }
        for (int i = 0; i < labels.Length; i++)
        {
            for (int c = 0; c < count; c++)
            {
                ref double distance = ref sums[i * count + c];
                distance = sizes[c] == 0 ? double.PositiveInfinity : Math.Max(0, 1 - 2 * distance / sizes[c] + similarities[c]);
            }
        }
        return similarities;
    }

    private static int Nearest(ReadOnlySpan<double> distances)
    {
        int nearest = 0;
        for (int c = 1; c < distances.Length; c++)
        {
            nearest = distances[c] < distances[nearest] ? c : nearest;
        }
        return nearest;
    }
}
