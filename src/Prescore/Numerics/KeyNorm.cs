using Prescore.Kernels;

namespace Prescore.Numerics;

/// <summary>Euclidean lengths of keys and of their differences.</summary>
internal static class KeyNorm
{
    // Between these the sum of squares of single-precision numbers neither overflows nor loses digits to underflow.
    private const float LowestSafe = 1e-30f;
    private const float HighestSafe = 1e36f;

    /// <summary>Whether a squared length computed in single precision is to be trusted.</summary>
    public static bool IsSafe(float squared) => squared is > LowestSafe and < HighestSafe;

    /// <summary>‖key‖, right for keys of every magnitude.</summary>
    public static double Of(ReadOnlySpan<float> key)
    {
        float squared = ShortVectors.SumOfSquares(key);
        return IsSafe(squared) ? MathF.Sqrt(squared) : Math.Sqrt(ShortVectors.DotInDouble(key, key));
    }

    /// <summary>‖x − y‖, right for vectors of every magnitude.</summary>
    public static double OfDifference(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        float squared = ShortVectors.SquaredDistance(x, y);
        return IsSafe(squared) ? MathF.Sqrt(squared) : Math.Sqrt(ShortVectors.SquaredDistanceInDouble(x, y));
    }
}
