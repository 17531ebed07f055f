using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// The gate of a feed-forward layer, x · σ(x) · y (Shazeer, arXiv 2002.05202), in one pass. (The framework's sigmoid widens to
/// double and takes five times as long.)
/// </summary>
public static unsafe class SwiGlu
{
    private const int Width = 16;

    /// <summary>gate[i] = gate[i] · σ(gate[i]) · up[i], off by at most a few units in the last place.</summary>
    /// <param name="gate">x, overwritten.</param>
    /// <param name="up">y, at least as many.</param>
    /// <exception cref="ArgumentException"><paramref name="up"/> is shorter.</exception>
    public static void Apply(Span<float> gate, ReadOnlySpan<float> up)
    {
        if (up.Length < gate.Length)
        {
            throw new ArgumentException($"{up.Length} factors for {gate.Length} gates", nameof(up));
        }
        fixed (float* x = gate, y = up)
        {
            Apply(x, y, x, gate.Length);
        }
    }

    /// <summary>result[i] = gate[i] · σ(gate[i]) · up[i]. A number's bits do not depend on where it stands.</summary>
    internal static void Apply(float* gate, float* up, float* result, int count)
    {
        int whole = count / Width * Width, rest = count - whole;
        Whole(gate, up, result, whole);
        if (rest > 0)
        {
            float* padded = stackalloc float[2 * Width];
            new Span<float>(padded, 2 * Width).Clear();
            new ReadOnlySpan<float>(gate + whole, rest).CopyTo(new Span<float>(padded, rest));
            new ReadOnlySpan<float>(up + whole, rest).CopyTo(new Span<float>(padded + Width, rest));
            Whole(padded, padded + Width, padded, Width);
            new ReadOnlySpan<float>(padded, rest).CopyTo(new Span<float>(result + whole, rest));
        }
    }

    /// <summary>A whole number of the widest vectors.</summary>
    private static void Whole(float* gate, float* up, float* result, int count)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Wide(gate, up, result, count);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Narrow(gate, up, result, count);
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                result[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
            }
        }
    }

    /// <summary>σ(x) = 1 / (1 + e^−|x|) for x ≥ 0 and e^−|x| / (1 + e^−|x|) for others. NaN stays NaN in the product with x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Wide(float* gate, float* up, float* result, nint count)
    {
        for (nint i = 0; i < count; i += 16)
        {
            Vector512<float> x = Vector512.Load(gate + i), e = Kernel512.Exp(-Vector512.Abs(x));
            Vector512<float> sigmoid = Vector512.ConditionalSelect(Vector512.LessThan(x, default), e, Vector512<float>.One) / (Vector512<float>.One + e);
            (x * sigmoid * Vector512.Load(up + i)).Store(result + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* gate, float* up, float* result, nint count)
    {
        for (nint i = 0; i < count; i += 8)
        {
            Vector256<float> x = Vector256.Load(gate + i), e = Kernel256.Exp(-Vector256.Abs(x));
            Vector256<float> sigmoid = Vector256.ConditionalSelect(Vector256.LessThan(x, default), e, Vector256<float>.One) / (Vector256<float>.One + e);
            (x * sigmoid * Vector256.Load(up + i)).Store(result + i);
        }
    }
}
