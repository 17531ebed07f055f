using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Scoring;

namespace Prescore.Clustering;

/// <summary>
/// k-means++ (Arthur and Vassilvitskii, 2007): the first centre is a uniformly drawn point, every next one a point drawn
/// with a probability proportional to its squared distance to the nearest centre so far.
/// </summary>
public static class KMeansSeeding
{
    /// <summary>Points a block: the running distances are summed by block, so a draw scans blocks and then one block.</summary>
    private const int Block = ColumnDistances.Block;

    /// <summary>Chooses up to <paramref name="count"/> distinct points as centres and labels all points with the nearest of them.</summary>
    /// <param name="points">Points [n, d], n ≥ 1.</param>
    /// <param name="count">How many centres are wanted, 1 … n.</param>
    /// <param name="origin">Where the random numbers are counted from.</param>
    /// <param name="chosen">Receives the rows of the centres, in the order drawn.</param>
    /// <param name="labels">Receives [n] positions in <paramref name="chosen"/>, ties to the lower.</param>
    /// <returns>How many were chosen: fewer than wanted where fewer points differ.</returns>
    public static int Choose(in KeyMatrix points, int count, in RandomOrigin origin, Span<int> chosen, Span<int> labels)
    {
        int blocks = (points.Count + Block - 1) / Block;
        int padded = blocks * Block;
        float[] buffer = ArrayPool<float>.Shared.Rent(padded * (points.Dimension + 2) + points.Dimension);
        double[] sums = ArrayPool<double>.Shared.Rent(blocks);
        try
        {
            Span<float> columns = buffer.AsSpan(0, padded * points.Dimension);
            Span<float> nearest = buffer.AsSpan(columns.Length, padded);
            Span<float> nearestIndex = buffer.AsSpan(columns.Length + padded, padded);
            Span<float> centre = buffer.AsSpan(columns.Length + 2 * padded, points.Dimension);
            float scale = Scale(points);
            FillColumns(points, scale, columns);
            nearest[..points.Count].Fill(float.PositiveInfinity);
            nearest[points.Count..].Clear();
            nearestIndex.Clear();
            int next = (int)(origin.Uniform(RandomStream.Seeding, 0) * points.Count);
            int found = 0;
            while (true)
            {
                chosen[found] = next;
                TensorPrimitives.Multiply(points[next], scale, centre);
                double total = Update(columns, centre, found++, nearest, nearestIndex, sums.AsSpan(0, blocks));
                if (found == count || total <= 0)
                {
                    break;
                }
                next = Draw(origin.Uniform(RandomStream.Seeding, found) * total, nearest, sums.AsSpan(0, blocks));
            }
            for (int i = 0; i < points.Count; i++)
            {
                labels[i] = (int)nearestIndex[i];
            }
            return found;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(buffer);
            ArrayPool<double>.Shared.Return(sums);
        }
    }

    /// <summary>A power of two that brings the largest component near 1, so that squared distances stay in range.</summary>
    private static float Scale(in KeyMatrix points)
    {
        float largest = 0;
        for (int i = 0; i < points.Count; i++)
        {
            largest = Math.Max(largest, Math.Abs(TensorPrimitives.MaxMagnitude(points[i])));
        }
        return largest > 0 ? (float)Math.ScaleB(1, Math.Clamp(-Math.ILogB(largest), -126, 127)) : 1;
    }

    /// <summary>Points as columns: columns[block, l, i] is component l of point i of the block.</summary>
    private static void FillColumns(in KeyMatrix points, float scale, Span<float> columns)
    {
        columns[(points.Count / Block * Block * points.Dimension)..].Clear();
        for (int i = 0; i < points.Count; i++)
        {
            ReadOnlySpan<float> point = points[i];
            Span<float> column = columns[(i / Block * Block * points.Dimension + i % Block)..];
            for (int l = 0; l < point.Length; l++)
            {
                column[l * Block] = point[l] * scale;
            }
        }
    }

    /// <summary>Lowers every point's squared distance to the nearest centre by a new centre; returns their sum.</summary>
    private static double Update(
        ReadOnlySpan<float> columns, ReadOnlySpan<float> centre, int index, Span<float> nearest, Span<float> nearestIndex, Span<double> sums)
    {
        double total = 0;
        Span<float> distances = stackalloc float[Block];
        var label = new Vector<float>(index);
        for (int block = 0; block < sums.Length; block++)
        {
            ColumnDistances.Squared(columns.Slice(block * Block * centre.Length, Block * centre.Length), centre, distances);
            Span<Vector<float>> best = MemoryMarshal.Cast<float, Vector<float>>(nearest.Slice(block * Block, Block));
            Span<Vector<float>> labels = MemoryMarshal.Cast<float, Vector<float>>(nearestIndex.Slice(block * Block, Block));
            ReadOnlySpan<Vector<float>> now = MemoryMarshal.Cast<float, Vector<float>>(distances);
            for (int i = 0; i < now.Length; i++)
            {
                Vector<int> closer = Vector.LessThan(now[i], best[i]);
                best[i] = Vector.ConditionalSelect(closer, now[i], best[i]);
                labels[i] = Vector.ConditionalSelect(closer, label, labels[i]);
            }
            sums[block] = BlockSum(nearest.Slice(block * Block, Block));
            total += sums[block];
        }
        return total;
    }

    private static double BlockSum(ReadOnlySpan<float> values)
    {
        double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (int i = 0; i < values.Length; i += 4)
        {
            sum0 += values[i];
            sum1 += values[i + 1];
            sum2 += values[i + 2];
            sum3 += values[i + 3];
        }
        return sum0 + sum1 + (sum2 + sum3);
    }

    /// <summary>The point at which the running sum of the distances passes <paramref name="target"/>; never one at distance 0.</summary>
    private static int Draw(double target, ReadOnlySpan<float> nearest, ReadOnlySpan<double> sums)
    {
        int block = 0;
        for (int i = 0; i < sums.Length; i++)
        {
            if (sums[i] > 0)
            {
                block = i;
                if (target < sums[i])
                {
                    break;
                }
                target -= sums[i];
            }
        }
        int point = 0;
        for (int i = block * Block; i < (block + 1) * Block; i++)
        {
            if (nearest[i] > 0)
            {
                point = i;
                if (target < nearest[i])
                {
                    break;
                }
                target -= nearest[i];
            }
        }
        return point;
    }
}
