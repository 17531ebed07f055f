using System.Numerics.Tensors;

namespace Prescore.Scoring;

/// <summary>Euclidean lengths of keys and of their differences.</summary>
internal static class KeyNorm
{
    // Between these the sum of squares of single-precision numbers neither overflows nor loses digits to underflow.
    private const float LowestSafe = 1e-15f;
    private const float HighestSafe = 1e18f;

    /// <summary>Whether a length computed in single precision is to be trusted.</summary>
    public static bool IsSafe(float norm) => norm is > LowestSafe and < HighestSafe;

    /// <summary>‖key‖, right for keys of every magnitude.</summary>
    public static double Of(ReadOnlySpan<float> key)
    {
        float norm = TensorPrimitives.Norm(key);
        return IsSafe(norm) ? norm : Math.Sqrt(InDouble(key, key));
    }

    /// <summary>‖x − y‖, right for vectors of every magnitude.</summary>
    public static double OfDifference(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        float distance = TensorPrimitives.Distance(x, y);
        if (IsSafe(distance))
        {
            return distance;
        }
        double squared = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double difference = (double)x[i] - y[i];
            squared += difference * difference;
        }
        return Math.Sqrt(squared);
    }

    /// <summary>The inner product in double precision.</summary>
    public static double InDouble(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            sum += (double)x[i] * y[i];
        }
        return sum;
    }
}
