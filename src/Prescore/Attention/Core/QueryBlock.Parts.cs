using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

// Few queries and many keys: key blocks are worked on side by side, in two steps, and joined in order. Every row has the bits
// that attending the blocks one after the other gives: a block's weights are relative to the maximum so far, which follows
// from the maxima of the first step.
internal abstract unsafe partial class QueryBlock
{
    /// <summary>Gets ready to attend so many key blocks in parts: at most <see cref="StripRows"/> rows, which have attended nothing yet.</summary>
    /// <param name="tiles">Keys without log-weights.</param>
    /// <param name="visible">Row i sees the first <paramref name="visible"/>[i] keys.</param>
    public abstract void BeginParts(KeyValueTiles tiles, ReadOnlySpan<int> visible);

    /// <summary>Step 1, in any order and on any thread: logits of key blocks [first, end).</summary>
    public abstract void ComputeLogits(int first, int end);

    /// <summary>Step 2, when step 1 is done for every block: weights of key blocks [first, end) and their weighted values.</summary>
    public abstract void WeighValues(int first, int end);

    /// <summary>When both are done for every block: the rows' states.</summary>
    public abstract void JoinParts();
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    private KeyValueTiles<TKernel>? _parted;
    private NativeBuffer? _parts;
    private int[] _visible = [];

    /// <summary>Rows of all register tiles.</summary>
    private int PaddedRows => (Rows + TileRows - 1) / TileRows * TileRows;

    /// <summary>Floats of a key block: logits [rows, BlockKeys], weighted values [rows, output stride], maxima and sums [rows].</summary>
    private nint PartFloats => PaddedRows * (BlockKeys + _outputStride) + 2 * Aligned(PaddedRows);

    public override void BeginParts(KeyValueTiles tiles, ReadOnlySpan<int> visible)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, StripRows);
        _parted = (KeyValueTiles<TKernel>)tiles;
        _visible = visible[..Rows].ToArray();
        _parts = NativeBuffer.Rent(KeyValueTiles.BlocksOf(_visible.Max()) * PartFloats);
    }

    public override void ComputeLogits(int first, int end)
    {
        Span<int> limits = stackalloc int[Rows], reach = stackalloc int[StripRows / TileRows];
        for (int block = first; block < end; block++)
        {
            Part part = PartOf(block);
            LimitsIn(block, limits);
            int furthest = Reach(limits, reach);
            for (int start = 0; start < furthest; start += TKernel.PanelWidth)
            {
                float* panel = _parted!.KeyPanel(block, start / TKernel.PanelWidth);
                float* next = start + TKernel.PanelWidth < furthest ? panel + (nint)_dimension * TKernel.PanelWidth
                    : _parted.KeyPanel(Math.Min(block + 1, end - 1), 0);
                for (int tile = 0; tile < PaddedRows; tile += TileRows)
                {
                    TKernel.MultiplyFew(
                        _queries + tile * _queryStride, _queryStride, Math.Min(TileRows, Rows - tile), panel, next, _dimension,
                        part.Logits + tile * BlockKeys + start, BlockKeys);
                }
            }
            for (int row = 0; row < Rows; row++)
            {
                part.Maxima[row] = limits[row] == 0 ? float.NegativeInfinity : TKernel.Max(part.Logits + row * BlockKeys, HideRest(part.Logits + row * BlockKeys, limits[row]));
            }
        }
    }

    public override void WeighValues(int first, int end)
    {
        Span<int> limits = stackalloc int[Rows], reach = stackalloc int[StripRows / TileRows];
        Span<float> maxima = stackalloc float[Rows];
        maxima.Fill(float.NegativeInfinity);
        for (int block = 0; block < end; block++)
        {
            Part part = PartOf(block);
            for (int row = 0; row < Rows; row++)
            {
                maxima[row] = part.Maxima[row] > maxima[row] ? part.Maxima[row] : maxima[row];
            }
            if (block < first)
            {
                continue;
            }
            LimitsIn(block, limits);
            Reach(limits, reach);
            for (int row = 0; row < PaddedRows; row++)
            {
                int limit = row < Rows ? limits[row] : 0;
                float* logits = part.Logits + row * BlockKeys;
                if (limit > 0)
                {
                    bool isFinite = !CheckLogits || TKernel.AllFinite(logits, limit);
                    float sum = TKernel.ExpSum(logits, maxima[row], (limit + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes);
                    part.Sums[row] = isFinite ? sum : float.NaN;
                }
                new Span<float>(logits + limit, Math.Max(0, reach[row / TileRows] - limit)).Clear();
            }
            for (int panel = 0; panel < _valuePanels; panel++)
            {
                for (int tile = 0; tile < PaddedRows; tile += TileRows)
                {
                    TKernel.MultiplyFew(
                        part.Logits + tile * BlockKeys, BlockKeys, Math.Min(TileRows, Rows - tile),
                        _parted!.ValuePanel(block, panel), _parted.ValuePanel(Math.Min(block + 1, end - 1), panel), reach[tile / TileRows],
                        part.Outputs + tile * _outputStride + panel * TKernel.PanelWidth, _outputStride);
                }
            }
        }
    }

    public override void JoinParts()
    {
        Span<int> limits = stackalloc int[Rows], reach = stackalloc int[StripRows / TileRows];
        for (int block = 0; block < KeyValueTiles.BlocksOf(_visible.Max()); block++)
        {
            Part part = PartOf(block);
            LimitsIn(block, limits);
            Reach(limits, reach);
            for (int row = 0; row < Rows; row++)
            {
                if (limits[row] > 0)
                {
                    Raise(part.Maxima[row], _outputs + row * _outputStride, _maxima + row, _sums + row);
                    _sums[row] += part.Sums[row];
                }
                if (reach[row / TileRows] > 0)
                {
                    TKernel.Add(_outputs + row * _outputStride, part.Outputs + row * _outputStride, _valuePanels * TKernel.PanelWidth);
                }
            }
        }
        _parts!.Dispose();
        _parts = null;
    }

    private void LimitsIn(int block, Span<int> limits)
    {
        for (int row = 0; row < Rows; row++)
        {
            limits[row] = Math.Clamp(_visible[row] - block * BlockKeys, 0, BlockKeys);
        }
    }

    private Part PartOf(int block)
    {
        float* logits = _parts!.Pointer + block * PartFloats;
        float* outputs = logits + PaddedRows * BlockKeys;
        float* maxima = outputs + PaddedRows * _outputStride;
        return new Part { Logits = logits, Outputs = outputs, Maxima = maxima, Sums = maxima + Aligned(PaddedRows) };
    }

    private ref struct Part
    {
        public float* Logits;
        public float* Outputs;
        public float* Maxima;
        public float* Sums;
    }
}
