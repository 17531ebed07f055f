namespace Prescore.Kernels;

/// <summary>Plain scalar path for processors without SIMD and as a check on the others.</summary>
internal readonly unsafe struct KernelScalar : IKernelPath
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

    public static int CountAbove(float* row, float threshold, nint count)
    {
        int above = 0;
        for (nint i = 0; i < count; i++)
        {
            above += row[i] > threshold ? 1 : 0;
        }
        return above;
    }

    public static int CollectAbove(float* row, float threshold, nint count, int* indices)
    {
        int found = 0;
        for (nint i = 0; i < count; i++)
        {
            if (row[i] > threshold)
            {
                indices[found++] = (int)i;
            }
        }
        return found;
    }

    public static void DotRows(float* query, float* keys, nint stride, int* indices, int count, float* products)
    {
        for (int i = 0; i < count; i++)
        {
            float* key = keys + indices[i] * stride;
            float sum = 0;
            for (nint l = 0; l < stride; l++)
            {
                sum += query[l] * key[l];
            }
            products[i] = sum;
        }
    }

    public static void SumMax(float* row, nint count, out float sum, out float largest)
    {
        sum = 0;
        largest = float.NegativeInfinity;
        for (nint i = 0; i < count; i++)
        {
            sum += row[i];
            largest = Math.Max(largest, row[i]);
        }
    }

    public static float ExpLess(float* row, float maximum, float less, nint count)
    {
        float sum = 0;
        for (nint i = 0; i < count; i++)
        {
            row[i] = MathF.Exp(row[i] - maximum) - less;
            sum += row[i];
        }
        return sum;
    }

    public static void AddRows(float* values, int* indices, float* weights, int count, float* output, float* first, float firstWeight)
    {
        for (nint j = 0; j < 8; j++)
        {
            output[j] += firstWeight * first[j];
        }
        for (int i = 0; i < count; i++)
        {
            float* value = values + (nint)indices[i] * 8;
            for (nint j = 0; j < 8; j++)
            {
                output[j] += weights[i] * value[j];
            }
        }
    }

    public static int Screen(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots)
    {
        int found = 0;
        for (int i = 0; i < count; i++)
        {
            byte* code = codes + (nint)(i / SketchLayout.GroupKeys) * quads * SketchLayout.QuadBytes + i % SketchLayout.GroupKeys * 4;
            int dot = 0;
            for (int quad = 0; quad < quads; quad++, code += SketchLayout.QuadBytes)
            {
                int q = query[quad];
                dot += (sbyte)q * code[0] + (sbyte)(q >> 8) * code[1] + (sbyte)(q >> 16) * code[2] + (q >> 24) * code[3];
            }
            if (dot >= threshold)
            {
                indices[found] = i;
                if (dots != null)
                {
                    dots[found] = dot;
                }
                found++;
            }
        }
        return found;
    }

    public static int CollectReaching(
        float* logits, double offset, double* thresholds, double* perSteps, float* bands, nint stride, float* radii, int count, int* rows, int* least)
    {
        int found = 0;
        for (int i = 0; i < count; i++)
        {
            if (double.IsNaN(thresholds[i]))
            {
                continue;
            }
            int product = SketchLayout.LeastProduct(thresholds[i] - logits[i] - offset, perSteps[i]);
            float squared = MathF.FusedMultiplyAdd(bands[stride + i], radii[1], bands[i] * radii[0]);
            squared = MathF.FusedMultiplyAdd(bands[2 * stride + i], radii[2], squared);
            if (product <= 0 || (float)product * product <= squared)
            {
                rows[found] = i;
                least[found++] = product;
            }
        }
        return found;
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
