using Prescore.Memory;

namespace Prescore.Kernels;

/// <summary>The largest product of each row of a matrix with a few vectors.</summary>
internal static unsafe class RowMaxima
{
    /// <summary>maxima[i] = max over j of rows[i] · vectors[j].</summary>
    /// <param name="simd">SIMD path.</param>
    /// <param name="rows">Rows [n, d].</param>
    /// <param name="vectors">Dense [count, d].</param>
    /// <param name="count">Number of vectors, at least 1.</param>
    /// <param name="maxima">Receives n numbers.</param>
    public static void Of(SimdPath simd, MatrixView rows, float* vectors, int count, Span<float> maxima)
    {
        switch (simd)
        {
            case SimdPath.Vector512:
                Of<Kernel512>(rows, vectors, count, maxima);
                break;
            case SimdPath.Vector256:
                Of<Kernel256>(rows, vectors, count, maxima);
                break;
            default:
                Of<KernelScalar>(rows, vectors, count, maxima);
                break;
        }
    }

    /// <summary>
    /// The rows are the register tile's rows as they lie, and the few vectors its columns: nothing of the long operand is
    /// packed.
    /// </summary>
    private static void Of<TKernel>(MatrixView rows, float* vectors, int count, Span<float> maxima)
        where TKernel : IKernelPath
    {
        const int tileRows = 6;
        int depth = rows.Columns, width = TKernel.PanelWidth, panels = (count + width - 1) / width;
        using NativeBuffer memory = NativeBuffer.Rent((nint)panels * width * depth + tileRows * (nint)(width + depth));
        float* packed = memory.Pointer, products = packed + (nint)panels * width * depth, tail = products + tileRows * width;
        for (int column = 0; column < panels * width; column++)
        {
            // Columns beyond the last repeat it, which changes no maximum.
            float* vector = vectors + (nint)Math.Min(column, count - 1) * depth;
            float* target = packed + column / width * (nint)width * depth + column % width;
            for (int l = 0; l < depth; l++)
            {
                target[(nint)l * width] = vector[l];
            }
        }
        for (int row = 0; row < rows.Rows; row += tileRows)
        {
            int present = Math.Min(tileRows, rows.Rows - row);
            float* tile = rows.Pointer(row);
            nint stride = rows.Stride;
            if (present < tileRows)
            {
                for (int i = 0; i < present; i++)
                {
                    rows.Row(row + i).CopyTo(new Span<float>(tail + (nint)i * depth, depth));
                }
                new Span<float>(tail + (nint)present * depth, (tileRows - present) * depth).Clear();
                tile = tail;
                stride = depth;
            }
            for (int panel = 0; panel < panels; panel++)
            {
                int columns = Math.Min(width, count - panel * width);
                int padded = (columns + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;
                TKernel.MultiplyColumns(tile, stride, packed + panel * (nint)width * depth, depth, products, width, padded);
                for (int i = 0; i < present; i++)
                {
                    float largest = TKernel.Max(products + i * width, padded);
                    maxima[row + i] = panel == 0 ? largest : Math.Max(maxima[row + i], largest);
                }
            }
        }
    }
}
