using System.Collections.Concurrent;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// Reads a model's tensors by GGUF's names, whatever the file calls them, as floats or as matrices, checking shapes and
/// values, and knows at the end which ones nobody asked for. Safe to call from many threads.
/// </summary>
internal sealed class ModelTensors(ITensorSource source, TensorNames names, ModelOptions options)
{
    private const string Advice = "convert the model anew";

    private readonly ConcurrentDictionary<string, bool> _read = [];

    /// <summary>Whether the file has a tensor.</summary>
    public bool Has(string name) => source.HasTensor(names.Of(name));

    /// <summary>Number of rows of a tensor.</summary>
    public long RowsOf(string name) => source.GetTensor(names.Of(name)).Rows;

    /// <summary>Does not count a tensor as unread, though nothing is read from it.</summary>
    public void Skip(string name) => _read[names.Of(name)] = true;

    /// <summary>A tensor of <paramref name="length"/> values.</summary>
    public float[] Vector(string name, long length)
    {
        StoredTensor tensor = source.GetTensor(names.Of(name));
        if (tensor.Count != length)
        {
            throw new ModelFormatException(
                source.Path, $"tensor {tensor} has {tensor.Count} values where the metadata ask for {length}", Advice);
        }
        var values = new float[length];
        Read(tensor, values);
        return values;
    }

    /// <summary>Several tensors one after the other, <paramref name="length"/> values in all.</summary>
    public float[] Vectors(long length, params ReadOnlySpan<string> parts)
    {
        long found = 0;
        foreach (string part in parts)
        {
            found += source.GetTensor(names.Of(part)).Count;
        }
        if (found != length)
        {
            throw new ModelFormatException(
                source.Path, $"{Names(parts)} have {found} values where the metadata ask for {length}", Advice);
        }
        var values = new float[length];
        Span<float> rest = values;
        foreach (string part in parts)
        {
            StoredTensor tensor = source.GetTensor(names.Of(part));
            Read(tensor, rest[..(int)tensor.Count]);
            rest = rest[(int)tensor.Count..];
        }
        return values;
    }

    /// <summary>Matrices [rows_i, columns] under each other as one [rows, columns], multiplied as the file stores them.</summary>
    /// <param name="rows">Rows of all parts.</param>
    /// <param name="columns">Length of a row.</param>
    /// <param name="threads">Threads that check the values.</param>
    /// <param name="parts">Names.</param>
    public WeightMatrix Matrix(long rows, int columns, int threads, params ReadOnlySpan<string> parts)
    {
        var tensors = new StoredTensor[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            tensors[i] = source.GetTensor(names.Of(parts[i]));
            RequireColumns(tensors[i], columns);
            _read[tensors[i].Name] = true;
        }
        RequireRows(parts, tensors.Sum(tensor => tensor.Rows), rows, columns);
        StoredMatrix matrix = StoredMatrix.Create(columns, options.Simd, options.Activations, [.. tensors.Select(tensor => tensor.AsRows())]);
        try
        {
            RequireFinite(matrix, tensors, threads);
            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
    }

    /// <summary>A matrix that the file holds as [columns, rows].</summary>
    public WeightMatrix TransposedMatrix(long rows, int columns, string name)
    {
        StoredTensor tensor = source.GetTensor(names.Of(name));
        RequireColumns(tensor, rows);
        RequireRows([name], tensor.Rows, columns, rows);
        float[] values = Vector(name, rows * columns), turned = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                turned[row * columns + column] = values[column * rows + row];
            }
        }
        return PackedMatrix.Pack(turned, (int)rows, columns, options.Simd);
    }

    /// <summary>A table [rows, columns] whose rows are read one by one, from the file as long as it is open.</summary>
    public RowReader Table(string name, long rows, int columns)
    {
        StoredTensor tensor = source.GetTensor(names.Of(name));
        RequireColumns(tensor, columns);
        RequireRows([name], tensor.Rows, rows, columns);
        _read[tensor.Name] = true;
        return (row, values) =>
        {
            tensor.ReadRows(row, 1, values[..columns]);
            RequireFinite(tensor, values[..columns], (long)row * columns);
        };
    }

    /// <summary>
    /// Call after everything was read. A tensor that nobody read (a bias, an expert) belongs to a variant of the
    /// architecture that is not computed here; leaving it out would give wrong numbers silently.
    /// </summary>
    /// <param name="isBuffer">Whether a tensor holds nothing of the model.</param>
    /// <exception cref="ModelFormatException">There is such a tensor.</exception>
    public void RefuseUnread(Func<string, bool> isBuffer)
    {
        foreach (StoredTensor tensor in source.Tensors)
        {
            if (!_read.ContainsKey(tensor.Name) && !isBuffer(tensor.Name))
            {
                throw new ModelFormatException(
                    source.Path, $"tensor {tensor} has no place in this architecture", "the model is of a variant that is not supported");
            }
        }
    }

    private void Read(StoredTensor tensor, Span<float> values)
    {
        tensor.Read(values);
        RequireFinite(tensor, values, 0);
        _read[tensor.Name] = true;
    }

    private void RequireFinite(StoredMatrix matrix, StoredTensor[] tensors, int threads)
    {
        long row = matrix.FindNonFinite(threads);
        for (int i = 0; row >= 0; row -= tensors[i].Rows, i++)
        {
            if (row < tensors[i].Rows)
            {
                var values = new float[matrix.Depth];
                tensors[i].ReadRows(row, 1, values);
                RequireFinite(tensors[i], values, row * matrix.Depth);
            }
        }
    }

    private void RequireFinite(StoredTensor tensor, ReadOnlySpan<float> values, long first)
    {
        // NaN counts as the largest magnitude.
        int worst = TensorPrimitives.IndexOfMaxMagnitude(values);
        if (worst >= 0 && !float.IsFinite(values[worst]))
        {
            throw new ModelFormatException(
                source.Path, $"tensor {tensor} holds {values[worst]} at index {first + worst}", "the file is damaged or was converted wrongly");
        }
    }

    private void RequireColumns(StoredTensor tensor, long columns)
    {
        if (tensor.Columns != columns)
        {
            throw new ModelFormatException(
                source.Path, $"tensor {tensor} has rows of {tensor.Columns} values where the metadata ask for {columns}", Advice);
        }
    }

    private void RequireRows(ReadOnlySpan<string> parts, long found, long rows, long columns)
    {
        if (found != rows)
        {
            throw new ModelFormatException(source.Path, $"{Names(parts)} have {found} rows where the metadata ask for {rows}", Advice);
        }
        if (rows * columns > Array.MaxLength)
        {
            throw new ModelFormatException(source.Path, $"{Names(parts)} have more values than one matrix can hold", "use a smaller model");
        }
    }

    private string Names(ReadOnlySpan<string> parts)
    {
        string[] all = new string[parts.Length];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = names.Of(parts[i]);
        }
        return string.Join(" + ", all);
    }
}
