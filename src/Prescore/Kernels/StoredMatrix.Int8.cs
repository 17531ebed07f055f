using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>Many rows of A with activations of eight bits.</summary>
internal sealed unsafe partial class StoredMatrix<TKernel>
{
    /// <summary>
    /// A is rounded into tiles once; then a work item multiplies a chunk of A's rows with a group of panels of B, one after the
    /// other and a block of depth at a time: it is unpacked to bytes, and stays in the first-level cache while the tiles pass.
    /// </summary>
    private void MultiplyManyInt8(float* a, nint aStride, int m, float* c, nint cStride, int threads, bool gated)
    {
        int chunks = (m + ChunkRows - 1) / ChunkRows;
        using var tiles = new Int8Tiles(m, Depth, chunks);
        ParallelItems.Run(tiles.Chunks.Tiles, threads, tile => tiles.Round(a, aStride, tile));
        int groups = Groups(chunks, threads, gated);
        ParallelItems.Run(
            chunks * groups,
            threads,
            () => new Int8Workspace(tiles.Chunks.Largest, gated ? 2 : 1),
            (workspace, item) =>
            {
                (int group, int chunk) = Math.DivRem(item, chunks);
                PanelGroup panels = Group(group, groups, gated);
                for (int panel = panels.First; panel < panels.First + panels.Count; panel++)
                {
                    float* up = gated ? workspace.Products + (nint)tiles.Chunks.Largest * TKernel.PanelWidth : null;
                    MultiplyPanel(workspace, tiles, chunk, panel, workspace.Products);
                    if (gated)
                    {
                        MultiplyPanel(workspace, tiles, chunk, panels.Half + panel, up);
                    }
                    WritePanel(workspace.Products, up, tiles.Chunks, chunk, panel, c, cStride);
                }
            },
            workspace => workspace.Dispose());
    }

    /// <summary>A chunk's products with one panel, dense.</summary>
    private void MultiplyPanel(Int8Workspace workspace, Int8Tiles tiles, int chunk, int panel, float* products)
    {
        int firstTile = tiles.Chunks.FirstTile(chunk), endTile = tiles.Chunks.FirstTile(chunk + 1);
        for (int first = 0; first < Depth; first += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, Depth - first), block = first / Int8Activations.BlockLength;
            UnpackPanel(panel * TKernel.PanelWidth, first, depth, workspace);
            float* c = products;
            for (int tile = firstTile; tile < endTile; tile++, c += Int8Tiles.TileRows * TKernel.PanelWidth)
            {
                TKernel.MultiplyInt8(
                    tiles.NumbersOf(tile, block), tiles.FactorsOf(tile, block), workspace.Numbers, workspace.Scales, workspace.Minimums,
                    depth / Int8Activations.BlockLength, c, accumulate: first > 0);
            }
        }
    }

    /// <summary>A block of depth of the panel's rows of B as columns of words, scales and minimums; rows beyond the last are zero.</summary>
    private void UnpackPanel(int firstRow, int first, int depth, Int8Workspace workspace)
    {
        int blocks = depth / Int8Activations.BlockLength;
        float** numbers = stackalloc float*[8], scales = stackalloc float*[8], minimums = stackalloc float*[8];
        for (int column = 0; column < TKernel.PanelWidth; column += 8)
        {
            for (int j = 0; j < 8; j++)
            {
                numbers[j] = workspace.WordsOf(j);
                scales[j] = workspace.ScalesOf(j);
                minimums[j] = workspace.MinimumsOf(j);
                int row = firstRow + column + j;
                if (row < Rows)
                {
                    Segment segment = SegmentOf(row);
                    segment.Unpack!(segment.Block(row, first), (byte*)numbers[j], scales[j], minimums[j], depth);
                }
                else
                {
                    workspace.ClearRow(j);
                }
            }
            // A word of four numbers moves as a float does.
            TKernel.Transpose8(numbers, depth / Int8Activations.WordLength, (float*)workspace.Numbers + column);
            TKernel.Transpose8(scales, blocks, workspace.Scales + column);
            TKernel.Transpose8(minimums, blocks, workspace.Minimums + column);
        }
    }

    /// <summary>A thread's unpacked panel and its products.</summary>
    private sealed class Int8Workspace : IDisposable
    {
        private const int Words = BlockDepth / Int8Activations.WordLength;
        private const int Blocks = BlockDepth / Int8Activations.BlockLength;
        private const int RowLength = Words + 2 * Blocks;

        private readonly NativeBuffer _memory;
        private readonly float* _rows;

        public Int8Workspace(int rows, int panels)
        {
            nint width = TKernel.PanelWidth;
            _memory = NativeBuffer.Rent(((nint)rows * panels + RowLength) * width + 8 * RowLength);
            Products = _memory.Pointer;
            Numbers = (byte*)(Products + (nint)rows * panels * width);
            Scales = (float*)Numbers + Words * width;
            Minimums = Scales + Blocks * width;
            _rows = Minimums + Blocks * width;
        }

        /// <summary>C of a chunk and one panel or two, [panels, rows, width].</summary>
        public float* Products { get; }

        /// <summary>Numbers of a block of depth, blocks of [8 words, width, 4].</summary>
        public byte* Numbers { get; }

        /// <summary>Scales, blocks of [width].</summary>
        public float* Scales { get; }

        /// <summary>Minimums, blocks of [width].</summary>
        public float* Minimums { get; }

        /// <summary>Words of one of the eight rows of B that become columns together.</summary>
        public float* WordsOf(int row) => _rows + row * RowLength;

        /// <summary>Its scales.</summary>
        public float* ScalesOf(int row) => WordsOf(row) + Words;

        /// <summary>Its minimums.</summary>
        public float* MinimumsOf(int row) => ScalesOf(row) + Blocks;

        /// <summary>Makes all of it zero.</summary>
        public void ClearRow(int row) => new Span<float>(WordsOf(row), RowLength).Clear();

        public void Dispose() => _memory.Dispose();
    }
}
