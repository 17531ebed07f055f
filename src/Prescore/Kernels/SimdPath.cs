using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Which vector width the kernels use.</summary>
public enum SimdPath
{
    /// <summary>Plain scalar code; runs everywhere.</summary>
    Scalar,

    /// <summary>256-bit vectors (AVX2 with FMA).</summary>
    Vector256,

    /// <summary>512-bit vectors (AVX-512 with its byte and word instructions).</summary>
    Vector512,
}

/// <summary>Which SIMD paths this processor runs.</summary>
public static class SimdPaths
{
    /// <summary>The widest path that this processor accelerates.</summary>
    public static SimdPath Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512BW.IsSupported ? SimdPath.Vector512
        : Vector256.IsHardwareAccelerated && Avx2.IsSupported ? SimdPath.Vector256
        : SimdPath.Scalar;

    /// <summary>Whether the processor runs a path at full speed; every path gives right results on every processor.</summary>
    public static bool IsAccelerated(SimdPath path) => path <= Best;
}
