using System.Globalization;
using System.Numerics.Tensors;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Models.Evaluation;

/// <summary>
/// Reference values [rows, width] in a file and the differences found so far. Values are read a few rows at a time, for
/// the logits of a long prompt do not fit into memory.
/// </summary>
internal sealed class ReferenceArray
{
    private const int ChunkValues = 1 << 18;

    private readonly SafetensorsFile _file;
    private readonly int _width;
    private readonly float[] _chunk;
    private double _bound;
    private double _largestDifference;
    private double _sumOfDifferences;
    private long _compared;
    private string? _firstMismatch;

    private ReferenceArray(SafetensorsFile file, string name, int rows, int width)
    {
        _file = file;
        Name = name;
        Rows = rows;
        _width = width;
        _chunk = new float[Math.Max(1, ChunkValues / width) * width];
        Largest = FindLargest();
    }

    /// <summary>Name of the tensor.</summary>
    public string Name { get; }

    /// <summary>Number of rows.</summary>
    public int Rows { get; }

    /// <summary>Largest absolute value of the reference.</summary>
    public double Largest { get; }

    /// <summary>Opens an array of shape [rows, width], or [rows] where the width is 1, in a batch of one or in none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="rows">Number of rows it must have, or may have at most where <paramref name="allowFewer"/>.</param>
    /// <param name="width">Values a row.</param>
    /// <param name="allowFewer">Whether there may be fewer rows, at least one.</param>
    /// <exception cref="ModelFormatException">Another shape, no float type, or values that are not finite.</exception>
    public static ReferenceArray Open(SafetensorsFile file, string name, int rows, int width, bool allowFewer = false)
    {
        StoredTensor tensor = file.GetTensor(name);
        int rank = width == 1 ? 1 : 2;
        ReadOnlySpan<long> shape = tensor.Shape.Length == rank + 1 && tensor.Shape[0] == 1 ? tensor.Shape[1..] : tensor.Shape;
        bool fits = shape.Length == rank
            && (rank == 1 || shape[1] == width)
            && (shape[0] == rows || (allowFewer && shape[0] >= 1 && shape[0] < rows));
        string wanted = $"[{(allowFewer ? $"1..{rows}" : rows)}{(rank == 1 ? "" : $", {width}")}]";
        return fits
            ? new ReferenceArray(file, name, (int)shape[0], width)
            : throw new ModelFormatException(file.Path, $"tensor {tensor} does not fit the model and input_ids", $"store it as {wanted}");
    }

    /// <summary>Sets the largest absolute difference that passes; before anything is compared.</summary>
    public ReferenceArray Within(double bound)
    {
        _bound = bound;
        return this;
    }

    /// <summary>Compares whole rows.</summary>
    /// <param name="firstRow">Row of the first value of <paramref name="actual"/>.</param>
    /// <param name="actual">The model's values, dense [some rows, width].</param>
    public void Compare(int firstRow, ReadOnlySpan<float> actual)
    {
        long first = (long)firstRow * _width;
        while (!actual.IsEmpty)
        {
            Span<float> expected = _chunk.AsSpan(0, Math.Min(_chunk.Length, actual.Length));
            _file.ReadFloats(Name, first, expected);
            for (int i = 0; i < expected.Length; i++)
            {
                double difference = Math.Abs((double)actual[i] - expected[i]);
                difference = double.IsNaN(difference) ? double.PositiveInfinity : difference;
                _largestDifference = Math.Max(_largestDifference, difference);
                _sumOfDifferences += difference;
                if (difference > _bound)
                {
                    _firstMismatch ??= Describe(first + i, actual[i], expected[i]);
                }
            }
            _compared += expected.Length;
            first += expected.Length;
            actual = actual[expected.Length..];
        }
    }

    /// <summary>What was found; all rows must have been compared.</summary>
    public ArrayComparison Result() => new(
        Name, _compared, _largestDifference, _compared == 0 ? 0 : _sumOfDifferences / _compared, _bound, _firstMismatch);

    private string Describe(long index, float actual, float expected)
    {
        (long row, long column) = Math.DivRem(index, _width);
        string place = _width == 1 ? $"[{row}]" : $"[{row}, {column}]";
        return string.Create(CultureInfo.InvariantCulture, $"{place}: {actual} instead of {expected}");
    }

    private double FindLargest()
    {
        double largest = 0;
        long count = (long)Rows * _width;
        for (long first = 0; first < count; first += _chunk.Length)
        {
            Span<float> values = _chunk.AsSpan(0, (int)Math.Min(_chunk.Length, count - first));
            _file.ReadFloats(Name, first, values);
            float magnitude = TensorPrimitives.MaxMagnitude<float>(values);
            if (!float.IsFinite(magnitude))
            {
                throw new ModelFormatException(_file.Path, $"tensor '{Name}' holds a value that is not finite", "make the reference anew");
            }
            largest = Math.Max(largest, Math.Abs(magnitude));
        }
        return largest;
    }
}
