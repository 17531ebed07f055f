using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Numerics;

/// <summary>
/// E[x xᵀ] of the vectors seen so far, in doubles. Every entry is a chain of its own, so bits do not depend on the width of
/// vectors or on how vectors come together.
/// </summary>
/// <param name="dimension">Length of a vector.</param>
internal sealed class SecondMoment(int dimension)
{
    /// <summary>Entries computed at a time; rows are padded to it so that there are no tails.</summary>
    private const int Step = 8;

    /// <summary>Vectors that pass the sums at a time: one alone would wait for memory.</summary>
    private const int Together = 8;

    private readonly int _vectors = (dimension + Step - 1) / Step;

    /// <summary>Rows of vectors; only entries up to the diagonal count.</summary>
    private readonly Vector512<double>[] _sum = new Vector512<double>[dimension * ((dimension + Step - 1) / Step)];

    private readonly Vector512<double>[] _wide = new Vector512<double>[Together * ((dimension + Step - 1) / Step)];

    /// <summary>Number of vectors added since the start.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of the vectors' weights: each came with 1 and has decayed since.</summary>
    public double Weight { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(double) * Step * (long)(_sum.Length + _wide.Length);

    /// <summary>Adds vectors with weight 1.</summary>
    /// <param name="rows">Dense [any number, d].</param>
    public void Add(ReadOnlySpan<float> rows)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows.Length % dimension, 0, nameof(rows));
        Add(new KeyMatrix { Values = rows, Count = rows.Length / dimension, Dimension = dimension });
    }

    /// <summary>Adds vectors [any number, d] with weight 1.</summary>
    public void Add(in KeyMatrix rows)
    {
        for (int first = 0; first < rows.Count; first += Together)
        {
            AddTogether(rows.Slice(first, Math.Min(Together, rows.Count - first)));
        }
        Count += rows.Count;
        Weight += rows.Count;
    }

    /// <summary>Scales the weights of all vectors so far, so that later ones count more.</summary>
    public void Decay(double factor)
    {
        foreach (ref Vector512<double> sum in _sum.AsSpan())
        {
            sum *= factor;
        }
        Weight *= factor;
    }

    /// <summary>Writes the whole symmetric matrix [d, d], divided by the weight; zeros where there is none.</summary>
    public void CopyTo(Span<double> full)
    {
        CopySumTo(full);
        if (Weight > 0)
        {
            TensorPrimitives.Divide(full, Weight, full);
        }
    }

    /// <summary>Writes the whole symmetric matrix [d, d] of sums: of vectors that have not decayed, the Gram matrix KᵀK.</summary>
    public void CopySumTo(Span<double> full)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(full.Length, dimension * dimension);
        ReadOnlySpan<double> sums = MemoryMarshal.Cast<Vector512<double>, double>(_sum);
        for (int row = 0; row < dimension; row++)
        {
            for (int column = 0; column <= row; column++)
            {
                full[row * dimension + column] = full[column * dimension + row] = sums[row * _vectors * Step + column];
            }
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_sum);
        (Count, Weight) = (0, 0);
    }

    /// <summary>Up to <see cref="Together"/> vectors; those that are missing are zeros, which change no sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddTogether(in KeyMatrix rows)
    {
        Span<double> wide = MemoryMarshal.Cast<Vector512<double>, double>(_wide.AsSpan());
        wide.Clear();
        int stride = _vectors * Step;
        for (int i = 0; i < rows.Count; i++)
        {
            DoubleSum.Add(rows[i], 1, wide.Slice(i * stride, dimension));
        }
        for (int row = 0; row < dimension; row++)
        {
            Vector512<double> l0 = Vector512.Create(wide[row]), l1 = Vector512.Create(wide[stride + row]);
            Vector512<double> l2 = Vector512.Create(wide[2 * stride + row]), l3 = Vector512.Create(wide[3 * stride + row]);
            Vector512<double> l4 = Vector512.Create(wide[4 * stride + row]), l5 = Vector512.Create(wide[5 * stride + row]);
            Vector512<double> l6 = Vector512.Create(wide[6 * stride + row]), l7 = Vector512.Create(wide[7 * stride + row]);
            Span<Vector512<double>> sums = _sum.AsSpan(row * _vectors, row / Step + 1);
            ReadOnlySpan<Vector512<double>> columns = _wide;
            for (int i = 0; i < sums.Length; i++)
            {
                // A product of two floats is exact in a double, so it is the same fused or not.
                Vector512<double> sum = Vector512.FusedMultiplyAdd(l0, columns[i], sums[i]);
                sum = Vector512.FusedMultiplyAdd(l1, columns[_vectors + i], sum);
                sum = Vector512.FusedMultiplyAdd(l2, columns[2 * _vectors + i], sum);
                sum = Vector512.FusedMultiplyAdd(l3, columns[3 * _vectors + i], sum);
                sum = Vector512.FusedMultiplyAdd(l4, columns[4 * _vectors + i], sum);
                sum = Vector512.FusedMultiplyAdd(l5, columns[5 * _vectors + i], sum);
                sum = Vector512.FusedMultiplyAdd(l6, columns[6 * _vectors + i], sum);
                sums[i] = Vector512.FusedMultiplyAdd(l7, columns[7 * _vectors + i], sum);
            }
        }
    }
}
