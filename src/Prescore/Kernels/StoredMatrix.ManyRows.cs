using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>Many rows of A, as in a prompt: panels of B are expanded to floats on the way into the micro-kernel.</summary>
internal sealed unsafe partial class StoredMatrix<TKernel>
{
    /// <summary>Rows of A that one work item takes.</summary>
    private const int ChunkRows = 384;

    /// <summary>Floats of a panel's depth slice, two thirds of a 48 KiB first-level cache.</summary>
    private const int SliceFloats = 8192;

    private static int SliceDepth => Math.Min(BlockDepth, SliceFloats / TKernel.PanelWidth);

    /// <summary>Panels a work item: 256 columns of C, which for one chunk take a third of a 1 MiB second-level cache.</summary>
    private static int GroupPanels => 256 / TKernel.PanelWidth;

    /// <summary>
    /// Many rows of A: A is copied into tiles once; then a work item multiplies a chunk of A's rows with a group of panels
    /// of B, a block of depth at a time: one panel's block is expanded, and stays near while the tiles pass. The item's part
    /// of C is held dense, for C's own rows may all fall into the same sets of a cache.
    /// </summary>
    private void MultiplyManyFloats(float* a, nint aStride, int m, float* c, nint cStride, int threads, bool gated)
    {
        int chunks = (m + ChunkRows - 1) / ChunkRows;
        using var tiles = new ActivationTiles(m, Depth, chunks, TileRows, BlockDepth);
        ParallelItems.Run(tiles.Chunks.Tiles, threads, tile => tiles.Copy(a, aStride, tile));
        int groups = Groups(chunks, threads, gated);
        ParallelItems.Run(
            chunks * groups,
            threads,
            () => new PanelWorkspace(tiles.Chunks.Largest, TKernel.PanelWidth, LargestGroup(groups, gated)),
            (workspace, item) =>
            {
                (int group, int chunk) = Math.DivRem(item, chunks);
                PanelGroup panels = Group(group, groups, gated);
                MultiplyGroup(workspace, tiles, chunk, panels);
                WriteGroup(workspace, tiles, chunk, panels, c, cStride);
            },
            workspace => workspace.Dispose());
    }

    /// <summary>Groups of panels that work items take, in pairs of panels where products are gated.</summary>
    private int Groups(int chunks, int threads, bool gated)
    {
        int units = gated ? _panels / 2 : _panels, most = gated ? GroupPanels / 2 : GroupPanels;
        return Math.Min(units, Math.Max((units + most - 1) / most, 4 * threads / chunks));
    }

    private int LargestGroup(int groups, bool gated) => gated ? 2 * ((_panels / 2 + groups - 1) / groups) : (_panels + groups - 1) / groups;

    private PanelGroup Group(int group, int groups, bool gated)
    {
        long units = gated ? _panels / 2 : _panels;
        int first = (int)(units * group / groups);
        return new PanelGroup(first, (int)(units * (group + 1) / groups) - first, gated ? _panels / 2 : 0);
    }

    private void MultiplyGroup(PanelWorkspace workspace, ActivationTiles tiles, int chunk, PanelGroup panels)
    {
        int width = TKernel.PanelWidth, rows = tiles.Chunks.PaddedRows(chunk);
        for (int block = 0; block < Depth; block += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, Depth - block);
            float* a = tiles.Block(chunk, block);
            for (int i = 0; i < panels.Panels; i++)
            {
                ExpandPanel(panels.Panel(i), block, depth, workspace);
                float* c = workspace.Products + (nint)i * rows * width;
                for (int slice = 0; slice < depth; slice += SliceDepth)
                {
                    int sliceDepth = Math.Min(SliceDepth, depth - slice);
                    for (int row = 0; row < rows; row += TileRows)
                    {
                        TKernel.Multiply(
                            a + (nint)row * depth + slice, depth, workspace.Panel + (nint)slice * width, sliceDepth,
                            c + (nint)row * width, width, accumulate: block + slice > 0);
                    }
                }
            }
        }
    }

    private void WriteGroup(PanelWorkspace workspace, ActivationTiles tiles, int chunk, PanelGroup panels, float* c, nint cStride)
    {
        int width = TKernel.PanelWidth, padded = tiles.Chunks.PaddedRows(chunk);
        for (int i = 0; i < panels.Count; i++)
        {
            float* products = workspace.Products + (nint)i * padded * width;
            float* up = panels.IsGated ? products + (nint)panels.Count * padded * width : null;
            WritePanel(products, up, tiles.Chunks, chunk, panels.First + i, c, cStride);
        }
    }

    /// <summary>A chunk's products with one panel, or the gates of two, go to C.</summary>
    private void WritePanel(float* products, float* up, RowChunks chunks, int chunk, int panel, float* c, nint cStride)
    {
        int width = TKernel.PanelWidth, rows = chunks.Rows(chunk), columns = Math.Min(width, Rows - panel * width);
        float* target = c + chunks.FirstRow(chunk) * cStride + (nint)panel * width;
        if (up is null)
        {
            TileEdge.Write(products, width, target, cStride, rows, columns, accumulate: false);
            return;
        }
        for (int row = 0; row < rows; row++)
        {
            SwiGlu.Apply(products + (nint)row * width, up + (nint)row * width, target + row * cStride, columns);
        }
    }

    /// <summary>A block of depth of the panel's rows of B as columns [depth, panel width]; rows beyond the last are zero.</summary>
    private void ExpandPanel(int panel, int block, int depth, PanelWorkspace workspace)
    {
        int width = TKernel.PanelWidth, firstRow = panel * width;
        float** rows = stackalloc float*[8];
        for (int column = 0; column < width; column += 8)
        {
            for (int j = 0; j < 8; j++)
            {
                rows[j] = workspace.Pieces + j * BlockDepth;
                int row = firstRow + column + j;
                if (row < Rows)
                {
                    SegmentOf(row).Expand(row, block, depth, rows[j]);
                }
                else
                {
                    new Span<float>(rows[j], depth).Clear();
                }
            }
            TKernel.Transpose8(rows, depth, workspace.Panel + column);
        }
    }

    /// <summary>Panels that a work item takes: neighbours, and behind them, where products are gated, as many from half of B further on.</summary>
    private readonly record struct PanelGroup(int First, int Count, int Half)
    {
        public bool IsGated => Half > 0;

        public int Panels => IsGated ? 2 * Count : Count;

        public int Panel(int i) => i < Count ? First + i : Half + First + i - Count;
    }

    /// <summary>A thread's expanded panel and the products of an item.</summary>
    private sealed class PanelWorkspace : IDisposable
    {
        private readonly NativeBuffer _memory;

        public PanelWorkspace(int rows, int width, int panels)
        {
            _memory = NativeBuffer.Rent((nint)BlockDepth * (width + 8) + (nint)rows * width * panels);
            Panel = _memory.Pointer;
            Pieces = Panel + (nint)BlockDepth * width;
            Products = Pieces + 8 * BlockDepth;
        }

        /// <summary>One block of depth of a panel, [block depth, width].</summary>
        public float* Panel { get; }

        /// <summary>The same block of eight rows of B, [8, block depth].</summary>
        public float* Pieces { get; }

        /// <summary>The item's part of C, [panels, padded rows, width].</summary>
        public float* Products { get; }

        public void Dispose() => _memory.Dispose();
    }
}
