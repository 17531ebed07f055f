using Prescore.Attention.Core;

namespace Prescore.Memory;

/// <summary>
/// Rows of one head inside a pinned tensor. Valid only during the <see cref="AttentionCall"/> that made it; unlike a
/// span it can be captured by worker threads.
/// </summary>
internal readonly unsafe struct MatrixView(float* data, int rows, int columns, nint stride)
{
    public float* Data => data;

    public int Rows => rows;

    public int Columns => columns;

    /// <summary>Floats from one row to the next.</summary>
    public nint Stride => stride;

    /// <summary>All rows with the gaps between them.</summary>
    public ReadOnlySpan<float> Span => rows == 0 ? default : new(data, checked((int)((rows - 1) * stride + columns)));

    public Span<float> Row(int row) => new(data + row * stride, columns);

    public float* Pointer(int row) => data + row * stride;

    public MatrixView Slice(int start, int count) => new(data + start * stride, count, columns, stride);
}
