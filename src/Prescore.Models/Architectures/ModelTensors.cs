using Prescore.Kernels;
using Prescore.Models.Gguf;

namespace Prescore.Models.Architectures;

/// <summary>Reads a model's tensors as floats or packed matrices, checking their shapes.</summary>
internal sealed class ModelTensors(GgufFile file, SimdPath simd)
{
    /// <summary>A tensor of <paramref name="length"/> values.</summary>
    public float[] Vector(string name, long length)
    {
        GgufTensor tensor = file.GetTensor(name);
        if (tensor.Rows * tensor.Columns != length)
        {
            throw WrongShape(name, tensor, $"{length} values");
        }
        return file.ReadFloats(name);
    }

    /// <summary>Matrices [rows_i, columns] under each other, packed as one [rows, columns].</summary>
    public PackedMatrix Matrix(int rows, int columns, params ReadOnlySpan<string> names)
    {
        var values = new float[checked(rows * columns)];
        int filled = 0;
        foreach (string name in names)
        {
            GgufTensor tensor = file.GetTensor(name);
            if (tensor.Columns != columns || filled + tensor.Rows > rows)
            {
                throw WrongShape(name, tensor, $"rows of {columns} values");
            }
            file.ReadFloats(name, values.AsSpan(filled * columns, checked((int)tensor.Rows * columns)));
            filled += (int)tensor.Rows;
        }
        if (filled != rows)
        {
            throw new ModelFormatException(
                file.Path, $"{string.Join(" + ", names.ToArray())} have {filled} rows where the metadata say {rows}", "convert the model anew");
        }
        return PackedMatrix.Pack(values, rows, columns, simd);
    }

    private ModelFormatException WrongShape(string name, GgufTensor tensor, string wanted) => new(
        file.Path, $"tensor '{name}' has {tensor.Rows} rows of {tensor.Columns} values where the metadata ask for {wanted}", "convert the model anew");
}
