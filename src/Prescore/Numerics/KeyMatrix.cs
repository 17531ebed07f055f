namespace Prescore.Numerics;

/// <summary>Keys of one head, dense rows.</summary>
public readonly ref struct KeyMatrix
{
    /// <summary>Keys [count, dimension], row-major, rows <see cref="Stride"/> floats apart.</summary>
    public required ReadOnlySpan<float> Values { get; init; }

    /// <summary>Number n of keys.</summary>
    public required int Count { get; init; }

    /// <summary>Size d of a key.</summary>
    public required int Dimension { get; init; }

    /// <summary>Floats from one row to the next; 0 means dense.</summary>
    public int Stride { get => field == 0 ? Dimension : field; init; }

    /// <summary>One key.</summary>
    public ReadOnlySpan<float> this[int row] => Values.Slice(row * Stride, Dimension);

    /// <summary>Keys <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1.</summary>
    public KeyMatrix Slice(int start, int count) => new()
    {
        Values = Values[(start * Stride)..],
        Count = count,
        Dimension = Dimension,
        Stride = Stride,
    };
}
