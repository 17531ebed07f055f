using Prescore.Memory;

namespace Prescore.Storage;

/// <summary>
/// Rows of one head in order of position, one behind the other: keys, values or queries of a cache. Forks share the memory
/// until one of them appends. Not safe for concurrent use.
/// </summary>
/// <param name="columns">Floats of a row.</param>
internal sealed unsafe class RowStore(int columns) : IDisposable
{
    private SharedMemory? _memory;

    /// <summary>Number of rows.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => (_memory?.Length ?? 0) * sizeof(float);

    /// <summary>All rows; valid until the next change.</summary>
    public MatrixView View => new(_memory is null ? null : _memory.Pointer, Count, columns, columns);

    /// <summary>Appends rows.</summary>
    public void Append(MatrixView rows)
    {
        Reserve(checked(Count + rows.Rows));
        for (int i = 0; i < rows.Rows; i++)
        {
            rows.Row(i).CopyTo(new Span<float>(_memory!.Pointer + (nint)(Count + i) * columns, columns));
        }
        Count += rows.Rows;
    }

    /// <summary>Forgets all but the first rows.</summary>
    public void Truncate(int count) => Count = Math.Min(Count, count);

    /// <summary>The same rows, which go their own way.</summary>
    public RowStore Fork() => new(columns) { _memory = _memory?.Share(), Count = Count };

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory?.Release();
        (_memory, Count) = (null, 0);
    }

    /// <summary>Room for so many rows that nobody else reads. The first growth is exact: a prompt usually comes whole.</summary>
    private void Reserve(int count)
    {
        nint floats = (nint)count * columns;
        if (_memory is { IsShared: false } && _memory.Length >= floats)
        {
            return;
        }
        var grown = new SharedMemory(_memory is null ? floats : Math.Max(floats, _memory.Length + _memory.Length / 4));
        View.Span.CopyTo(new Span<float>(grown.Pointer, checked((int)Math.Max(floats, 1))));
        _memory?.Release();
        _memory = grown;
    }
}
