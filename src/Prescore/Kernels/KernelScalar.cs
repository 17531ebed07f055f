namespace Prescore.Kernels;

/// <summary>Plain scalar path for processors without SIMD and as a check on the others.</summary>
internal readonly unsafe partial struct KernelScalar : IKernelPath
{
    public static int PanelWidth => 8;

    public static int Lanes => 1;

    public static void Multiply(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, bool accumulate)
    {
        float* sums = stackalloc float[8];
        for (nint i = 0; i < 6; i++)
        {
            new Span<float>(sums, 8).Clear();
            for (nint l = 0; l < depth; l++)
            {
                float x = a[i * aStride + l];
                for (nint j = 0; j < 8; j++)
                {
                    sums[j] += x * b[l * 8 + j];
                }
            }
            for (nint j = 0; j < 8; j++)
            {
                c[i * cStride + j] = accumulate ? c[i * cStride + j] + sums[j] : sums[j];
            }
        }
    }

    public static void MultiplyColumns(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, nint columns)
    {
        for (nint i = 0; i < 6; i++)
        {
            for (nint j = 0; j < columns; j++)
            {
                float sum = 0;
                for (nint l = 0; l < depth; l++)
                {
                    sum += a[i * aStride + l] * b[l * 8 + j];
                }
                c[i * cStride + j] = sum;
            }
        }
    }

    public static void MultiplyFew(float* a, nint aStride, nint rows, float* b, float* next, nint depth, float* c, nint cStride) =>
        Multiply(a, aStride, b, depth, c, cStride, accumulate: false);

    public static float Dot(float* x, float* y, nint count)
    {
        float sum = 0;
        for (nint i = 0; i < count; i++)
        {
            sum = MathF.FusedMultiplyAdd(x[i], y[i], sum);
        }
        return sum;
    }

    public static void Add(float* row, float* bias, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            row[i] += bias[i];
        }
    }

    public static void Scale(float* row, float factor, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            row[i] *= factor;
        }
    }

    public static float Max(float* row, nint count)
    {
        float largest = row[0];
        for (nint i = 1; i < count; i++)
        {
            largest = Math.Max(largest, row[i]);
        }
        return largest;
    }

    public static float ExpSum(float* row, float maximum, nint count)
    {
        float sum = 0;
        for (nint i = 0; i < count; i++)
        {
            row[i] = MathF.Exp(row[i] - maximum);
            sum += row[i];
        }
        return sum;
    }

    public static void MaxFour(float* rows, nint stride, nint count, float* maxima)
    {
        for (nint i = 0; i < 4; i++)
        {
            maxima[i] = Max(rows + i * stride, count);
        }
    }

    public static void ExpFour(float* rows, nint stride, nint count, float* maxima, float* sums)
    {
        for (nint i = 0; i < 4; i++)
        {
            sums[i] += ExpSum(rows + i * stride, maxima[i], count);
        }
    }

    public static bool AllFinite(float* row, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            if (!float.IsFinite(row[i]))
            {
                return false;
            }
        }
        return true;
    }

    public static void Transpose8(float** rows, nint depth, float* panel)
    {
        for (nint l = 0; l < depth; l++)
        {
            for (nint j = 0; j < 8; j++)
            {
                panel[l * 8 + j] = rows[j][l];
            }
        }
    }
}
