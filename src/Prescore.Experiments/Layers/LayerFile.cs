using Prescore.Attention.Contracts;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Experiments.Layers;

/// <summary>Reads captured tensors: <c>q</c> [h_q, n_q, d], <c>k</c> [h_kv, n_k, d] and <c>v</c> [h_kv, n_k, d_v] of any float type.</summary>
public static class LayerFile
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="Models.Formats.ModelFormatException">No valid safetensors file, or a tensor is missing.</exception>
    /// <exception cref="BadInputException">Shapes that do not fit together.</exception>
    /// <exception cref="InsufficientMemoryException">The tensors and two methods' outputs do not fit into memory.</exception>
    public static LayerTensors Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
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
        LayerMemory.Require(shape, inputs: 1, outputs: 2);
        return new LayerTensors(shape, file.ReadFloats("q"), file.ReadFloats("k"), file.ReadFloats("v"));
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
