namespace Prescore.Kernels;

/// <summary>
/// Constants of the fp32 exponential on x ≤ 0: e^x = 2^n · e^r with n = round(x·log₂e) and r = x − n·ln2 in one fused
/// step (the rounding of ln2 costs |n|·2e-9, on a weight of 2^n), and e^r ≈ 1 + r + c₂r² + … + c₅r⁵, minimax in
/// relative error on |r| ≤ ln2/2: 1.05e-7, below one ulp. e^0 is exactly 1.
/// </summary>
internal static class ExpConstants
{
    /// <summary>Below this e^x is not a normal number; larger magnitudes are clamped, their weight is below 1.2e-38.</summary>
    public const float Lowest = -87.3f;

    public const float Log2E = 1.44269504f;

    /// <summary>1.5 · 2^23: adding it leaves the rounded integer in the low bits of the mantissa.</summary>
    public const float RoundingShift = 12582912f;

    public const float Ln2 = 0.693147181f;

    public const float C2 = 0.4999923f;
    public const float C3 = 0.16667114f;
    public const float C4 = 0.041890156f;
    public const float C5 = 0.0083125206f;
}
