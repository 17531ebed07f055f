namespace Prescore.Attention.Contracts;

/// <summary>Where a row of a [batch, head, row, dimension] tensor starts in a span; the last dimension is contiguous.</summary>
/// <param name="BatchStride">Floats from one sequence to the next.</param>
/// <param name="HeadStride">Floats from one head to the next.</param>
/// <param name="RowStride">Floats from one row (token) to the next.</param>
public readonly record struct HeadLayout(int BatchStride, int HeadStride, int RowStride)
{
    /// <summary>Dense [batch, heads, rows, dimension].</summary>
    public static HeadLayout HeadsFirst(int heads, int rows, int dimension) =>
        new(heads * rows * dimension, rows * dimension, dimension);

    /// <summary>Dense [batch, rows, heads, dimension], as a projection layer writes it.</summary>
    public static HeadLayout RowsFirst(int heads, int rows, int dimension) =>
        new(heads * rows * dimension, dimension, heads * dimension);

    /// <summary>Offset of a row's first float.</summary>
    public int Offset(int batch, int head, int row) => checked(batch * BatchStride + head * HeadStride + row * RowStride);
}
