using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// The gate of a feed-forward layer, x · σ(x) · y (Shazeer, arXiv 2002.05202), in one pass. (The framework's sigmoid widens to
/// double and takes five times as long.)
/// </summary>
public static unsafe class SwiGlu
{
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
        int done = 0;
        fixed (float* x = gate, y = up)
        {
            if (Vector512.IsHardwareAccelerated)
            {
                done = gate.Length / 16 * 16;
                Wide(x, y, done);
            }
            else if (Vector256.IsHardwareAccelerated)
            {
                done = gate.Length / 8 * 8;
                Narrow(x, y, done);
            }
        }
        for (int i = done; i < gate.Length; i++)
        {
            gate[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
        }
    }

    /// <summary>σ(x) = 1 / (1 + e^−|x|) for x ≥ 0 and e^−|x| / (1 + e^−|x|) for others. NaN stays NaN in the product with x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Wide(float* gate, float* up, nint count)
    {
        for (nint i = 0; i < count; i += 16)
        {
            Vector512<float> x = Vector512.Load(gate + i), e = Kernel512.Exp(-Vector512.Abs(x));
            Vector512<float> sigmoid = Vector512.ConditionalSelect(Vector512.LessThan(x, default), e, Vector512<float>.One) / (Vector512<float>.One + e);
            (x * sigmoid * Vector512.Load(up + i)).Store(gate + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* gate, float* up, nint count)
    {
        for (nint i = 0; i < count; i += 8)
        {
            Vector256<float> x = Vector256.Load(gate + i), e = Kernel256.Exp(-Vector256.Abs(x));
            Vector256<float> sigmoid = Vector256.ConditionalSelect(Vector256.LessThan(x, default), e, Vector256<float>.One) / (Vector256<float>.One + e);
            (x * sigmoid * Vector256.Load(up + i)).Store(gate + i);
        }
    }
}
