namespace Prescore.Models.Evaluation;

/// <summary>Counts the lines of a reference text that differ.</summary>
/// <param name="name">What is compared.</param>
/// <param name="element">What one element of it is called.</param>
public sealed class LineComparison(string name, string element)
{
    private int _lines;
    private int _different;
    private string? _firstMismatch;

    /// <summary>Compares one line.</summary>
    public void Add<T>(int line, ReadOnlySpan<T> actual, ReadOnlySpan<T> expected)
        where T : IEquatable<T>
    {
        _lines++;
        int same = actual.CommonPrefixLength(expected);
        if (same == actual.Length && same == expected.Length)
        {
            return;
        }
        _different++;
        _firstMismatch ??= same < actual.Length && same < expected.Length
            ? $"line {line}, {element} {same}: {actual[same]} instead of {expected[same]}"
            : $"line {line}: {actual.Length} {element}s instead of {expected.Length}";
    }

    /// <summary>What was found: a value is a line, its difference 0 where all is equal, else 1.</summary>
    public ArrayComparison Result() => new(name, _lines, Math.Min(1, _different), _lines == 0 ? 0 : _different / (double)_lines, 0, _firstMismatch);
}
