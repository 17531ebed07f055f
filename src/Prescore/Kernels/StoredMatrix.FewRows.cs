using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>Few rows of A, as in decoding: dot products with rows of B, which are read once.</summary>
internal sealed unsafe partial class StoredMatrix<TKernel>
{
    /// <summary>Few rows of A: work items are ranges of B's rows; each row of B is read once.</summary>
    private void MultiplyFew(float* a, nint aStride, int m, float* c, nint cStride, int threads)
    {
        int padded = Padded(Depth);
        using NativeBuffer input = NativeBuffer.Rent((nint)m * padded);
        float* x = input.Pointer;
        for (int i = 0; i < m; i++)
        {
            CopyPadded(a + i * aStride, Depth, x + (nint)i * padded, padded);
            if (Activations == ActivationPrecision.Int8)
            {
                // The floats that the numbers of a product with many rows stand for.
                Int8Activations.RoundInPlace(x + (nint)i * padded, Depth);
            }
        }
        Dictionary<ActivationOrder, RoundedActivations> rounded = m == 1 ? Round(x) : [];
        // Several items a thread even out what threads take; each as large as possible.
        int items = Math.Clamp(4 * threads, 1, Math.Max(1, Rows / 8));
        ParallelItems.Run(items, threads, item =>
        {
            int row = (int)((long)Rows * item / items), end = (int)((long)Rows * (item + 1) / items);
            while (row < end)
            {
                Segment segment = SegmentOf(row);
                int segmentEnd = Math.Min(end, segment.FirstRow + segment.Rows);
                if (m == 1 && segment.Order is not null)
                {
                    DotRounded(segment, row, segmentEnd, rounded[segment.Order], c);
                }
                else if (m == 1 && segment.Dot is not null)
                {
                    DotInPlace(segment, row, segmentEnd, x, c);
                }
                else
                {
                    DotExpanded(segment, row, segmentEnd, x, padded, m, c, cStride);
                }
                row = segmentEnd;
            }
        });
        foreach (RoundedActivations activations in rounded.Values)
        {
            activations.Dispose();
        }
    }

    /// <summary>The activations in every order that a segment reads.</summary>
    private Dictionary<ActivationOrder, RoundedActivations> Round(float* x)
    {
        var rounded = new Dictionary<ActivationOrder, RoundedActivations>();
        foreach (Segment segment in _segments)
        {
            if (segment.Order is ActivationOrder order && !rounded.ContainsKey(order))
            {
                rounded.Add(order, new RoundedActivations(x, Depth, order));
            }
        }
        return rounded;
    }

    /// <summary>Rows of one segment with one row of rounded activations, two at a time.</summary>
    private void DotRounded(Segment segment, int row, int end, RoundedActivations x, float* c)
    {
        float* sums = stackalloc float[2];
        for (; row < end; row += 2)
        {
            int second = Math.Min(row + 1, end - 1);
            segment.RoundedDot!(segment.Row(row), segment.Row(second), x.Numbers, x.Factors, Depth / RoundedActivations.BlockLength, sums);
            c[row] = sums[0];
            c[second] = sums[second - row];
        }
    }

    /// <summary>Rows of one segment with one row of A, expanded in registers, two at a time.</summary>
    private void DotInPlace(Segment segment, int row, int end, float* x, float* c)
    {
        float* sums = stackalloc float[2];
        for (; row < end; row += 2)
        {
            int second = Math.Min(row + 1, end - 1);
            segment.Dot!(segment.Row(row), segment.Row(second), x, Depth, sums);
            c[row] = sums[0];
            c[second] = sums[second - row];
        }
    }

    /// <summary>Rows of one segment with some rows of A: each is expanded piece by piece into the first-level cache.</summary>
    private void DotExpanded(Segment segment, int row, int end, float* x, int stride, int m, float* c, nint cStride)
    {
        float* values = stackalloc float[PieceLength];
        for (; row < end; row++)
        {
            for (int first = 0; first < Depth; first += PieceLength)
            {
                int count = Math.Min(PieceLength, Depth - first), padded = Padded(count);
                segment.Expand(row, first, count, values);
                new Span<float>(values + count, padded - count).Clear();
                for (int i = 0; i < m; i++)
                {
                    float sum = TKernel.Dot(values, x + (nint)i * stride + first, padded);
                    c[i * cStride + row] = first == 0 ? sum : c[i * cStride + row] + sum;
                }
            }
        }
    }

    private static int Padded(int count) => (count + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;

    private static void CopyPadded(float* from, int count, float* to, int padded)
    {
        new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
        new Span<float>(to + count, padded - count).Clear();
    }
}
