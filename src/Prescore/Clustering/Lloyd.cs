using System.Buffers;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// Lloyd's iteration: move every centre to the middle of its members, assign the points again, until the labels repeat.
/// Points are assigned in single precision by a matrix product; see <see cref="CentreSet"/>.
/// </summary>
internal static class Lloyd
{
    /// <summary>Starts from given centres.</summary>
    public static ClusterFit FitFrom<TRule>(
        in KeyMatrix points, ReadOnlySpan<float> centres, int count, Span<int> labels, int maxSteps, SimdPath simd)
        where TRule : ICentreRule
    {
        var start = new CentreSet(centres, count, points.Dimension, simd);
        start.Assign(points, labels);
        return Refine<TRule>(points, start, labels, maxSteps, simd);
    }

    /// <summary>Starts from a k-means++ seeding, which labels the points along the way.</summary>
    public static ClusterFit FitSeeded<TRule>(
        in KeyMatrix points, int count, in RandomOrigin origin, Span<int> labels, int maxSteps, SimdPath simd)
        where TRule : ICentreRule
    {
        var chosen = new int[count];
        int found = KMeansSeeding.Choose(points, count, origin, chosen, labels);
        var centres = new float[found * points.Dimension];
        for (int j = 0; j < found; j++)
        {
            points[chosen[j]].CopyTo(centres.AsSpan(j * points.Dimension));
        }
        return Refine<TRule>(points, new CentreSet(centres, found, points.Dimension, simd), labels, maxSteps, simd);
    }

    /// <summary>Refines labelled points; the products of the first labelling are counted too.</summary>
    private static ClusterFit Refine<TRule>(in KeyMatrix points, CentreSet start, Span<int> labels, int maxSteps, SimdPath simd)
        where TRule : ICentreRule
    {
        CentreSet current = start;
        float[] moved = start.Centres.ToArray();
        int[] pooled = ArrayPool<int>.Shared.Rent(points.Count);
        Span<int> previous = pooled.AsSpan(0, points.Count);
        bool converged = false;
        int steps = 0;
        while (steps < maxSteps && !converged)
        {
            labels.CopyTo(previous);
            EmptyClusters.Repair(points, current, labels);
            TRule.Move(points, labels, current.Count, moved);
            current.Dispose();
            current = new CentreSet(moved, start.Count, points.Dimension, simd);
            current.Assign(points, labels);
            converged = labels.SequenceEqual(previous);
            steps++;
        }
        ArrayPool<int>.Shared.Return(pooled);
        return new ClusterFit(current, steps, converged, (steps + 1L) * points.Count * current.Count);
    }
}
