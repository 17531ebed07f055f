using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Attention.Clustered;

/// <summary>
/// E[x xᵀ] of the vectors seen so far, in doubles. Every entry is a chain of its own, so bits do not depend on the width of vectors.
/// </summary>
/// <param name="dimension">Length of a vector.</param>
internal sealed class SecondMoment(int dimension)
{
    /// <summary>Entries computed at a time; rows are padded to it so that there are no tails.</summary>
    private const int Step = 4;

    private readonly int _vectors = (dimension + Step - 1) / Step;

    /// <summary>Rows of vectors; only entries up to the diagonal count.</summary>
    private readonly Vector256<double>[] _sum = new Vector256<double>[dimension * ((dimension + Step - 1) / Step)];

    private readonly Vector256<double>[] _wide = new Vector256<double>[(dimension + Step - 1) / Step];

    /// <summary>Number of vectors added since the start.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of the vectors' weights: each came with 1 and has decayed since.</summary>
    public double Weight { get; private set; }

    /// <summary>Adds a vector with weight 1.</summary>
    public void Add(ReadOnlySpan<float> x)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, dimension);
        Span<double> wide = MemoryMarshal.Cast<Vector256<double>, double>(_wide.AsSpan());
        for (int l = 0; l < x.Length; l++)
        {
            wide[l] = x[l];
        }
        ReadOnlySpan<Vector256<double>> right = _wide;
        for (int row = 0; row < x.Length; row++)
        {
            Vector256<double> left = Vector256.Create((double)x[row]);
            int count = row / Step + 1;
            Span<Vector256<double>> sums = _sum.AsSpan(row * _vectors, count);
            ReadOnlySpan<Vector256<double>> columns = right[..count];
            for (int i = 0; i < sums.Length; i++)
            {
                // A product of two floats is exact in a double, so it is the same fused or not.
                sums[i] += left * columns[i];
            }
        }
        Count++;
        Weight++;
    }

    /// <summary>Scales the weights of all vectors so far, so that later ones count more.</summary>
    public void Decay(double factor)
    {
        foreach (ref Vector256<double> sum in _sum.AsSpan())
        {
            sum *= factor;
        }
        Weight *= factor;
    }

    /// <summary>Writes the whole symmetric matrix [d, d], divided by the weight; zeros where there is none.</summary>
    public void CopyTo(Span<double> full)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(full.Length, dimension * dimension);
        if (Weight == 0)
        {
            full.Clear();
            return;
        }
        ReadOnlySpan<double> sums = MemoryMarshal.Cast<Vector256<double>, double>(_sum);
        for (int row = 0; row < dimension; row++)
        {
            for (int column = 0; column <= row; column++)
            {
                double mean = sums[row * _vectors * Step + column] / Weight;
                full[row * dimension + column] = full[column * dimension + row] = mean;
            }
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_sum);
        (Count, Weight) = (0, 0);
    }
}
