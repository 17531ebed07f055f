using System.Buffers;
using Prescore.Memory;
using Prescore.Numerics;

namespace Prescore.Attention.Core;

/// <summary>Listed rows of a head's keys or values as one matrix: in place where they are neighbours, else copied.</summary>
internal readonly ref struct GatheredRows
{
    private readonly float[]? _copied;

    /// <summary>Gathers rows.</summary>
    /// <param name="source">Keys or values of a head.</param>
    /// <param name="rows">Rows, ascending; none give an empty matrix.</param>
    public GatheredRows(MatrixView source, ReadOnlySpan<int> rows)
    {
        if (rows.Length > 0 && rows[^1] - rows[0] == rows.Length - 1)
        {
            Matrix = InPlace(source.Slice(rows[0], rows.Length));
            return;
        }
        _copied = ArrayPool<float>.Shared.Rent(rows.Length * source.Columns);
        for (int i = 0; i < rows.Length; i++)
        {
            source.Row(rows[i]).CopyTo(_copied.AsSpan(i * source.Columns));
        }
        Matrix = new KeyMatrix { Values = _copied.AsSpan(0, rows.Length * source.Columns), Count = rows.Length, Dimension = source.Columns };
    }

    /// <summary>The rows; good until this is disposed of.</summary>
    public KeyMatrix Matrix { get; }

    /// <summary>All rows of a view, not copied.</summary>
    public static KeyMatrix InPlace(MatrixView rows) => new()
    {
        Values = rows.Span,
        Count = rows.Rows,
        Dimension = rows.Columns,
        Stride = checked((int)rows.Stride),
    };

    public void Dispose()
    {
        if (_copied is not null)
        {
            ArrayPool<float>.Shared.Return(_copied);
        }
    }
}
