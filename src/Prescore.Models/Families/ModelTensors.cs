using System.Collections.Concurrent;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Families;

/// <summary>
/// Reads a model's tensors as floats or packed matrices, checking shapes and values, and knows at the end which ones
/// nobody asked for. Safe to call from many threads.
/// </summary>
internal sealed class ModelTensors(GgufFile file, SimdPath simd)
{
    private readonly ConcurrentDictionary<string, bool> _read = [];

    /// <summary>A tensor of <paramref name="length"/> values.</summary>
    public float[] Vector(string name, long length)
    {
        StoredTensor tensor = file.GetTensor(name);
        if (tensor.Count != length)
        {
            throw new ModelFormatException(
                file.Path, $"tensor {tensor} has {tensor.Count} values where the metadata ask for {length}", "convert the model anew");
        }
        var values = new float[length];
        Read(name, values);
        return values;
    }

    /// <summary>Matrices [rows_i, columns] under each other, packed as one [rows, columns].</summary>
    public PackedMatrix Matrix(long rows, int columns, params ReadOnlySpan<string> names)
    {
        long found = 0;
        foreach (string name in names)
        {
            StoredTensor tensor = file.GetTensor(name);
            found += tensor.Rows;
            if (tensor.Columns != columns)
            {
                throw new ModelFormatException(
                    file.Path, $"tensor {tensor} has rows of {tensor.Columns} values where the metadata ask for {columns}", "convert the model anew");
            }
        }
        string all = string.Join(" + ", names);
        if (found != rows)
        {
            throw new ModelFormatException(file.Path, $"{all} have {found} rows where the metadata ask for {rows}", "convert the model anew");
        }
        if (rows * columns > Array.MaxLength)
        {
            throw new ModelFormatException(file.Path, $"{all} have more values than one matrix can hold", "use a smaller model");
        }
        var values = new float[rows * columns];
        Span<float> rest = values;
        foreach (string name in names)
        {
            int count = (int)file.GetTensor(name).Count;
            Read(name, rest[..count]);
            rest = rest[count..];
        }
        return PackedMatrix.Pack(values, (int)rows, columns, simd);
    }

    /// <summary>
    /// Call after everything was read. A tensor that nobody read (a bias, an expert) belongs to a variant of the
    /// architecture that is not computed here; leaving it out would give wrong numbers silently.
    /// </summary>
    /// <exception cref="ModelFormatException">There is such a tensor.</exception>
    public void RefuseUnread()
    {
        foreach (StoredTensor tensor in file.Tensors)
        {
            if (!_read.ContainsKey(tensor.Name))
            {
                throw new ModelFormatException(
                    file.Path, $"tensor {tensor} has no place in this architecture", "the model is of a variant that is not supported");
            }
        }
    }

    private void Read(string name, Span<float> values)
    {
        file.ReadFloats(name, values);
        // NaN counts as the largest magnitude.
        int worst = TensorPrimitives.IndexOfMaxMagnitude<float>(values);
        if (worst >= 0 && !float.IsFinite(values[worst]))
        {
            throw new ModelFormatException(
                file.Path, $"tensor {file.GetTensor(name)} holds {values[worst]} at index {worst}", "the file is damaged or was converted wrongly");
        }
        _read[name] = true;
    }
}
