using Prescore.Kernels;

namespace Prescore.Numerics;

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
        float depth = 0;
        return Select<TKernel>(row, count, wanted, indices, ref depth);
    }

    /// <summary>The same for one of several rows of a kind.</summary>
    /// <param name="row">Elements.</param>
    /// <param name="count">Number of elements.</param>
    /// <param name="wanted">How many indices are wanted.</param>
    /// <param name="indices">Receives them.</param>
    /// <param name="depth">
    /// How far below its largest element the last row's threshold was found: a first guess for this one that saves most
    /// of the bisection and changes no result. 0: unknown.
    /// </param>
    public static int Select<TKernel>(float* row, int count, int wanted, int* indices, ref float depth)
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
        float largest = Largest(row, count);
        if (!float.IsFinite(largest))
        {
            // Products have overflowed: no order is right, but the search has to end.
            for (int i = 0; i < wanted; i++)
            {
                indices[i] = i;
            }
            return wanted;
        }
        float guess = depth > 0 ? depth : Math.Max(1, Math.Abs(largest) * 0.125f);
        float low = largest - guess, high = largest;
        int above = TKernel.CountAbove(row, low, count);
        // The threshold is near a good guess: bracket it with steps that start small and grow.
        float step = depth > 0 ? guess * 0.0625f : guess;
        while (above < wanted)
        {
            high = low;
            low -= step;
            step *= 2;
            above = TKernel.CountAbove(row, low, count);
            if (above < wanted && float.IsNegativeInfinity(low))
            {
                return CollectWithTies<TKernel>(row, count, wanted, low, indices);
            }
        }
        for (float raised = low + step; depth > 0 && above > wanted && high == largest && raised < largest; raised = low + step)
        {
            int aboveRaised = TKernel.CountAbove(row, raised, count);
            (low, above, high) = aboveRaised >= wanted ? (raised, aboveRaised, high) : (low, above, raised);
            step *= 2;
        }
        (low, high, above) = Bisect<TKernel>(row, count, wanted, low, high, above);
        depth = largest - low;
        if (above == wanted)
        {
            return TKernel.CollectAbove(row, low, count, indices);
        }
        return CollectWithTies<TKernel>(row, count, wanted, high, indices);
    }

    /// <summary>
    /// Narrows (low, high] down until exactly the wanted number is above low, or nothing lies between the two. At most
    /// wanted − 1 elements are above high, at least wanted above low.
    /// </summary>
    private static (float Low, float High, int Above) Bisect<TKernel>(float* row, int count, int wanted, float low, float high, int above)
        where TKernel : IKernelPath
    {
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
        return (low, high, above);
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
