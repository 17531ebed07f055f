namespace Prescore.Kernels;

/// <summary>
/// Constants of the fp32 exponential on x ≤ 0: e^x = 2^n · e^r with n = round(x·log₂e), r = x − n·ln2 in two parts
/// (Cody and Waite), and e^r by its Taylor polynomial of degree 6, whose truncation on |r| ≤ ln2/2 is below 2 ulp.
/// </summary>
internal static class ExpConstants
{
    /// <summary>Below this e^x is not a normal number; larger magnitudes are clamped, their weight is below 1.2e-38.</summary>
    public const float Lowest = -87.3f;

    public const float Log2E = 1.44269504f;

    /// <summary>1.5 · 2^23: adding it leaves the rounded integer in the low bits of the mantissa.</summary>
    public const float RoundingShift = 12582912f;

    public const float Ln2High = 0.693359375f;

    public const float Ln2Low = -2.12194440e-4f;

    public const float C2 = 1f / 2;
    public const float C3 = 1f / 6;
    public const float C4 = 1f / 24;
    public const float C5 = 1f / 120;
    public const float C6 = 1f / 720;
}
