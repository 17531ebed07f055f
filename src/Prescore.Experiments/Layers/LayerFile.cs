using Prescore.Attention.Contracts;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Experiments.Layers;

/// <summary>Reads captured tensors: <c>q</c> [h_q, n_q, d], <c>k</c> [h_kv, n_k, d] and <c>v</c> [h_kv, n_k, d_v] of any float type.</summary>
public static class LayerFile
{
    /// <summary>Sizes of the tensors in a file; their values are not read.</summary>
    /// <exception cref="Models.Formats.ModelFormatException">No valid safetensors file, or a tensor is missing.</exception>
    /// <exception cref="BadInputException">Shapes that do not fit together.</exception>
    public static AttentionShape ReadShape(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return Shape(file);
    }

    /// <summary>Reads a file, or the beginning of it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mostTokens">Tokens to read where it has more; there must be as many queries as keys then.</param>
    /// <exception cref="Models.Formats.ModelFormatException">No valid safetensors file, or a tensor is missing.</exception>
    /// <exception cref="BadInputException">Shapes that do not fit together.</exception>
    /// <exception cref="InsufficientMemoryException">The tensors and two methods' outputs do not fit into memory.</exception>
    public static LayerTensors Read(string path, int mostTokens = int.MaxValue)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        AttentionShape whole = Shape(file), shape = whole;
        if (mostTokens < whole.Keys)
        {
            Require(whole.Queries == whole.Keys, file, $"a part of {whole.Queries} queries and {whole.Keys} keys is wanted, but they are not of the same tokens");
            shape = whole with { Queries = mostTokens, Keys = mostTokens };
        }
        LayerMemory.Require(shape, inputs: 1, outputs: 2);
        return new LayerTensors(
            shape,
            ReadRows(file, "q", shape.QueryHeads, shape.Queries, shape.HeadDimension, whole.Queries),
            ReadRows(file, "k", shape.KeyValueHeads, shape.Keys, shape.HeadDimension, whole.Keys),
            ReadRows(file, "v", shape.KeyValueHeads, shape.Keys, shape.ValueDimension, whole.Keys));
    }

    /// <summary>The first rows of every head, one head after the other.</summary>
    private static float[] ReadRows(SafetensorsFile file, string name, int heads, int rows, int columns, int rowsInFile)
    {
        var values = new float[heads * rows * columns];
        for (int head = 0; head < heads; head++)
        {
            file.ReadFloats(name, (long)head * rowsInFile * columns, values.AsSpan(head * rows * columns, rows * columns));
        }
        return values;
    }

    private static AttentionShape Shape(SafetensorsFile file)
    {
        (int queryHeads, int queries, int dimension) = Sizes(file, "q");
        (int keyHeads, int keys, int keyDimension) = Sizes(file, "k");
        (int valueHeads, int valueRows, int valueDimension) = Sizes(file, "v");
        Require(keyDimension == dimension, file, $"q has rows of {dimension} values, k of {keyDimension}");
        Require(valueHeads == keyHeads && valueRows == keys, file, $"k is [{keyHeads}, {keys}, …], v is [{valueHeads}, {valueRows}, …]");
        var shape = new AttentionShape
        {
            QueryHeads = queryHeads,
            KeyValueHeads = keyHeads,
            Queries = queries,
            Keys = keys,
            HeadDimension = dimension,
            ValueDimension = valueDimension,
        };
        long outputs = (long)queryHeads * queries * valueDimension;
        Require(outputs <= Array.MaxLength, file, $"q and v ask for {outputs} output values, at most {Array.MaxLength} are possible");
        return shape;
    }

    private static (int Heads, int Rows, int Columns) Sizes(SafetensorsFile file, string name)
    {
        StoredTensor tensor = file.GetTensor(name);
        Require(tensor.Shape.Length == 3, file, $"tensor {tensor} should have three dimensions: heads, rows, columns");
        Require(tensor.Count is > 0 and <= int.MaxValue, file, $"tensor {tensor} is empty or too large");
        return ((int)tensor.Shape[0], (int)tensor.Shape[1], (int)tensor.Shape[2]);
    }

    private static void Require(bool fits, SafetensorsFile file, string problem)
    {
        if (!fits)
        {
            throw new BadInputException($"{Path.GetFileName(file.Path)}: {problem}");
        }
    }
}
