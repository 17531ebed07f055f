using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// Squared distances of points to the nearest of a growing number of centres, brought up to date for several new centres
/// at a time, so that a block of points is read from the first-level cache for all of them.
/// </summary>
internal ref struct SeedDistances
{
    private const int Block = ColumnDistances.Block;
    private const int MostPending = 16;

    private readonly float[] _buffer;
    private readonly double[] _sums;
    private readonly int _blocks;
    private readonly int _dimension;
    private readonly float _scale;
    private readonly Span<float> _columns;
    private readonly Span<float> _nearest;
    private readonly Span<float> _nearestIndex;
    private readonly Span<float> _pending;
    private readonly Span<float> _point;
    private int _pendingCount;
    private int _refreshed;

    /// <summary>Prepares for points [n, d]; no centres yet.</summary>
    public SeedDistances(in KeyMatrix points)
    {
        _dimension = points.Dimension;
        _blocks = (points.Count + Block - 1) / Block;
        int padded = _blocks * Block;
        _buffer = ArrayPool<float>.Shared.Rent(padded * (_dimension + 2) + (MostPending + 1) * _dimension);
        _sums = ArrayPool<double>.Shared.Rent(_blocks);
        Span<float> rest = _buffer;
        _columns = Take(ref rest, padded * _dimension);
        _nearest = Take(ref rest, padded);
        _nearestIndex = Take(ref rest, padded);
        _pending = Take(ref rest, MostPending * _dimension);
        _point = Take(ref rest, _dimension);
        _scale = Scale(points);
        FillColumns(points);
        _nearest[..points.Count].Fill(float.PositiveInfinity);
        _nearest[points.Count..].Clear();
        _nearestIndex.Clear();
    }

    /// <summary>Sum of the distances as of the last refresh.</summary>
    public double Total { get; private set; }

    /// <summary>Whether no point may be drawn before the next <see cref="Refresh"/>.</summary>
    public readonly bool MustRefresh => _refreshed == 0 || _pendingCount == MostPending;

    /// <summary>Adds a centre, which counts from the next refresh on.</summary>
    public void AddCentre(ReadOnlySpan<float> centre) =>
        TensorPrimitives.Multiply(centre, _scale, _pending.Slice(_pendingCount++ * _dimension, _dimension));

    /// <summary>Brings the distances up to date.</summary>
    public void Refresh()
    {
        Span<float> distances = stackalloc float[Block];
        Total = 0;
        for (int block = 0; block < _blocks; block++)
        {
            ReadOnlySpan<float> columns = _columns.Slice(block * Block * _dimension, Block * _dimension);
            Span<float> nearest = _nearest.Slice(block * Block, Block);
            for (int j = 0; j < _pendingCount; j++)
            {
                ColumnDistances.Squared(columns, _pending.Slice(j * _dimension, _dimension), distances);
                Lower(distances, _refreshed + j, nearest, _nearestIndex.Slice(block * Block, Block));
            }
            _sums[block] = Sum(nearest);
            Total += _sums[block];
        }
        _refreshed += _pendingCount;
        _pendingCount = 0;
    }

    /// <summary>
    /// The point at which the running sum of the distances, as of the last refresh, passes a target below
    /// <see cref="Total"/>; never one at distance 0.
    /// </summary>
    public readonly int PointAt(double target)
    {
        int block = 0;
        for (int i = 0; i < _blocks; i++)
        {
            if (_sums[i] > 0)
            {
                block = i;
                if (target < _sums[i])
                {
                    break;
                }
                target -= _sums[i];
            }
        }
        int point = 0;
        for (int i = block * Block; i < (block + 1) * Block; i++)
        {
            if (_nearest[i] > 0)
            {
                point = i;
                if (target < _nearest[i])
                {
                    break;
                }
                target -= _nearest[i];
            }
        }
        return point;
    }

    /// <summary>A point's present distance ÷ its distance as of the last refresh, 0 … 1.</summary>
    public readonly double ShareLeft(int point)
    {
        ReadOnlySpan<float> column = _columns[(point / Block * Block * _dimension + point % Block)..];
        for (int l = 0; l < _dimension; l++)
        {
            _point[l] = column[l * Block];
        }
        double before = _nearest[point];
        double now = before;
        for (int j = 0; j < _pendingCount; j++)
        {
            now = Math.Min(now, ShortVectors.SquaredDistance(_point, _pending.Slice(j * _dimension, _dimension)));
        }
        return now / before;
    }

    /// <summary>The nearest centre of every point as of the last refresh, ties to the one added first.</summary>
    public readonly void CopyLabels(Span<int> labels)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = (int)_nearestIndex[i];
        }
    }

    /// <summary>Gives the buffers back.</summary>
    public readonly void Dispose()
    {
        ArrayPool<float>.Shared.Return(_buffer);
        ArrayPool<double>.Shared.Return(_sums);
    }

    private static Span<float> Take(scoped ref Span<float> rest, int length)
    {
        Span<float> taken = rest[..length];
        rest = rest[length..];
        return taken;
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

    /// <summary>Points as columns: columns[block, l, i] is component l of point i of the block; padded with zeros.</summary>
    private readonly void FillColumns(in KeyMatrix points)
    {
        _columns[(points.Count / Block * Block * _dimension)..].Clear();
        for (int i = 0; i < points.Count; i++)
        {
            ReadOnlySpan<float> point = points[i];
            Span<float> column = _columns[(i / Block * Block * _dimension + i % Block)..];
            for (int l = 0; l < point.Length; l++)
            {
                column[l * Block] = point[l] * _scale;
            }
        }
    }

    private static void Lower(ReadOnlySpan<float> distances, int centre, Span<float> nearest, Span<float> nearestIndex)
    {
        ReadOnlySpan<Vector<float>> now = MemoryMarshal.Cast<float, Vector<float>>(distances);
        Span<Vector<float>> best = MemoryMarshal.Cast<float, Vector<float>>(nearest);
        Span<Vector<float>> index = MemoryMarshal.Cast<float, Vector<float>>(nearestIndex);
        var label = new Vector<float>(centre);
        for (int i = 0; i < now.Length; i++)
        {
            Vector<int> closer = Vector.LessThan(now[i], best[i]);
            best[i] = Vector.ConditionalSelect(closer, now[i], best[i]);
            index[i] = Vector.ConditionalSelect(closer, label, index[i]);
        }
    }

    private static double Sum(ReadOnlySpan<float> values)
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
}
