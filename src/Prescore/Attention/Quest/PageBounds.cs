using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Scheduling;
using Prescore.Storage;

namespace Prescore.Attention.Quest;

/// <summary>
/// Bounds of pages as rows [2d] packed like keys: the largest value of every component, then the smallest; where keys have
/// log-weights one more, the largest of them. The product with (max(q, 0), min(q, 0), 1) is the bound of a page's logits.
/// </summary>
internal static unsafe class PageBounds
{
    /// <summary>Pages of one work item.</summary>
    private const int ItemPages = 64;

    /// <summary>Appends the bounds of the pages that are full and have none.</summary>
    /// <param name="call">The call.</param>
    /// <param name="tiles">Keys.</param>
    /// <param name="bounds">Bounds so far.</param>
    /// <param name="page">Keys of a page.</param>
    /// <param name="threads">Number of threads.</param>
    public static void Append(AttentionCall call, KeyValueTiles tiles, KeyValueTiles bounds, int page, int threads)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        int first = bounds.Count, count = tiles.Count / page - first;
        if (count <= 0)
        {
            return;
        }
        int columns = Columns(tiles);
        using NativeBuffer rows = NativeBuffer.Rent((nint)count * columns);
        var view = new MatrixView(rows.Pointer, count, columns, columns);
        ParallelItems.Run(
            (count + ItemPages - 1) / ItemPages,
            threads,
            item =>
            {
                for (int i = item * ItemPages; i < Math.Min(count, (item + 1) * ItemPages); i++)
                {
                    Fill(call.Options.Simd, tiles, (first + i) * page, page, view.Row(i));
                }
            },
            call.CancellationToken);
        bounds.Append(view, new MatrixView(rows.Pointer, count, 0, 0), threads, call.CancellationToken);
        // All threads have worked on it.
        for (int thread = 0; thread < threads; thread++)
        {
            call.Work.AddIndexTime(start);
        }
    }

    /// <summary>Floats of a page's bounds.</summary>
    public static int Columns(KeyValueTiles tiles) => 2 * tiles.Dimension + (tiles.HasBias ? 1 : 0);

    /// <summary>Writes a query as the bounds are multiplied with it.</summary>
    public static void FillQuery(ReadOnlySpan<float> query, Span<float> target)
    {
        TensorPrimitives.Max(query, 0, target[..query.Length]);
        TensorPrimitives.Min(query, 0, target.Slice(query.Length, query.Length));
        target[(2 * query.Length)..].Fill(1);
    }

    private static void Fill(SimdPath simd, KeyValueTiles tiles, int firstKey, int page, Span<float> row)
    {
        switch (simd)
        {
            case SimdPath.Vector512:
                Fill((KeyValueTiles<Kernel512>)tiles, firstKey, page, row);
                break;
            case SimdPath.Vector256:
                Fill((KeyValueTiles<Kernel256>)tiles, firstKey, page, row);
                break;
            default:
                Fill((KeyValueTiles<KernelScalar>)tiles, firstKey, page, row);
                break;
        }
    }

    private static void Fill<TKernel>(KeyValueTiles<TKernel> tiles, int firstKey, int page, Span<float> row)
        where TKernel : IKernelPath
    {
        int block = firstKey / KeyValueTiles.BlockKeys, firstInBlock = firstKey % KeyValueTiles.BlockKeys, d = tiles.Dimension;
        row[..d].Fill(float.NegativeInfinity);
        row.Slice(d, d).Fill(float.PositiveInfinity);
        for (int key = firstInBlock; key < firstInBlock + page; key += TKernel.PanelWidth)
        {
            int column = key % TKernel.PanelWidth, columns = Math.Min(TKernel.PanelWidth, page);
            float* panel = tiles.KeyPanel(block, key / TKernel.PanelWidth) + column;
            for (int l = 0; l < d; l++)
            {
                var component = new ReadOnlySpan<float>(panel + (nint)l * TKernel.PanelWidth, columns);
                row[l] = Math.Max(row[l], TensorPrimitives.Max(component));
                row[d + l] = Math.Min(row[d + l], TensorPrimitives.Min(component));
            }
        }
        if (tiles.HasBias)
        {
            row[2 * d] = TensorPrimitives.Max(new ReadOnlySpan<float>(tiles.Bias(block) + firstInBlock, page));
        }
    }
}
