using Prescore.Memory;

namespace Prescore.Kernels;

/// <summary>How a kernel reads the activations of a block of 256: in which order, and which sums it needs beside them.</summary>
/// <param name="Positions">Position in the block of the value that comes i-th.</param>
/// <param name="SumLength">Neighbouring values whose sum is wanted.</param>
/// <param name="FirstSum">Lane of the first sum; lanes without one are zero.</param>
internal sealed record ActivationOrder(int[] Positions, int SumLength, int FirstSum);

/// <summary>
/// One row of activations rounded to 16 bits, for products with integer weights: each block of 256 has the scale that takes
/// its largest magnitude to 32767, so that a value is off by at most 1/65534 of that.
/// </summary>
internal sealed unsafe class RoundedActivations : IDisposable
{
    /// <summary>Values in a block.</summary>
    public const int BlockLength = 256;

    /// <summary>Floats of a block beside its numbers: sixteen sums, the scale, and room up to a cache line.</summary>
    public const int FactorCount = 32;

    /// <summary>Which of them is the scale.</summary>
    public const int ScaleFactor = 16;

    private const int Largest = short.MaxValue;

    private readonly NativeBuffer _memory;

    /// <param name="row">Activations, <paramref name="depth"/> of them, whole blocks.</param>
    /// <param name="depth">Length of the row.</param>
    /// <param name="order">As the kernel reads them.</param>
    public RoundedActivations(float* row, int depth, ActivationOrder order)
    {
        int blocks = depth / BlockLength;
        _memory = NativeBuffer.Rent((nint)blocks * (FactorCount + BlockLength / 2));
        Factors = _memory.Pointer;
        Numbers = (short*)(Factors + (nint)blocks * FactorCount);
        for (int block = 0; block < blocks; block++)
        {
            Round(new ReadOnlySpan<float>(row + block * BlockLength, BlockLength), order, new Span<short>(Numbers + block * BlockLength, BlockLength), new Span<float>(Factors + block * FactorCount, FactorCount));
        }
    }

    /// <summary>The numbers, block after block, in the kernel's order.</summary>
    public short* Numbers { get; }

    /// <summary>Sums of the rounded values and the scale, <see cref="FactorCount"/> floats a block.</summary>
    public float* Factors { get; }

    public void Dispose() => _memory.Dispose();

    private static void Round(ReadOnlySpan<float> values, ActivationOrder order, Span<short> numbers, Span<float> factors)
    {
        float largest = 0;
        foreach (float value in values)
        {
            // NaN passes through, to the scale and so to every product.
            largest = Math.Max(largest, Math.Abs(value));
        }
        float scale = largest / Largest, inverse = largest > 0 ? Largest / largest : 0;
        Span<short> rounded = stackalloc short[BlockLength];
        for (int i = 0; i < values.Length; i++)
        {
            rounded[i] = (short)MathF.Round(values[i] * inverse);
        }
        for (int i = 0; i < values.Length; i++)
        {
            numbers[i] = rounded[order.Positions[i]];
        }
        factors.Clear();
        factors[ScaleFactor] = scale;
        for (int first = 0; first < values.Length; first += order.SumLength)
        {
            int sum = 0;
            foreach (short number in rounded.Slice(first, order.SumLength))
            {
                sum += number;
            }
            factors[order.FirstSum + first / order.SumLength] = scale * sum;
        }
    }
}
