namespace Prescore.Kernels;

/// <summary>Indices of the largest elements of a row.</summary>
internal static unsafe class TopIndices
{
    /// <summary>Writes the indices of the largest elements, as many as <paramref name="indices"/> takes, in ascending order.</summary>
    public static void Select(SimdPath simd, ReadOnlySpan<float> row, Span<int> indices)
    {
        fixed (float* data = row)
        fixed (int* target = indices)
        {
            _ = simd switch
            {
                SimdPath.Vector512 => Select<Kernel512>(data, row.Length, indices.Length, target),
                SimdPath.Vector256 => Select<Kernel256>(data, row.Length, indices.Length, target),
                _ => Select<KernelScalar>(data, row.Length, indices.Length, target),
            };
        }
    }

    /// <summary>
    /// Writes the indices of the <paramref name="wanted"/> largest elements (all if there are no more), ties to the
    /// lower index, and returns how many. Finds a threshold by bisection: counting is one vector pass.
    /// </summary>
    public static int Select<TKernel>(float* row, int count, int wanted, int* indices)
        where TKernel : IKernelPath
    {
        if (wanted >= count)
        {
            for (int i = 0; i < count; i++)
            {
                indices[i] = i;
            }
            return count;
        }
        if (wanted <= 0)
        {
            return 0;
        }
        float high = Largest(row, count);
        float step = Math.Max(1, Math.Abs(high) * 0.125f);
        float low = high - step;
        int above;
        while ((above = TKernel.CountAbove(row, low, count)) < wanted)
        {
            high = low;
            step *= 2;
            low = high - step;
        }
        // Invariant: at most wanted − 1 elements are above high, at least wanted above low.
        while (above != wanted)
        {
            float middle = low + (high - low) * 0.5f;
            if (middle <= low || middle >= high)
            {
                break;
            }
            int aboveMiddle = TKernel.CountAbove(row, middle, count);
            if (aboveMiddle >= wanted)
            {
                (low, above) = (middle, aboveMiddle);
            }
            else
            {
                high = middle;
            }
        }
        if (above == wanted)
        {
            return TKernel.CollectAbove(row, low, count, indices);
        }
        return CollectWithTies<TKernel>(row, count, wanted, high, indices);
    }

    /// <summary>Elements above <paramref name="tied"/> and the first of those equal to it.</summary>
    private static int CollectWithTies<TKernel>(float* row, int count, int wanted, float tied, int* indices)
        where TKernel : IKernelPath
    {
        int ties = wanted - TKernel.CountAbove(row, tied, count);
        int found = 0;
        for (int i = 0; i < count; i++)
        {
            if (row[i] > tied || (row[i] == tied && ties-- > 0))
            {
                indices[found++] = i;
            }
        }
        return found;
    }

    private static float Largest(float* row, int count) => System.Numerics.Tensors.TensorPrimitives.Max(new ReadOnlySpan<float>(row, count));
}
