using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Models.Formats;

/// <summary>Opens tensors of any format, and reads them by name.</summary>
public static class TensorSource
{
    /// <summary>
    /// Opens a GGUF file (or one part of a split one), a safetensors file, the index of a sharded one, or a folder as
    /// Hugging Face's hub lays it out.
    /// </summary>
    /// <exception cref="ModelFormatException">Not a valid file of these formats, or parts are missing.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static ITensorSource Open(string path)
    {
        bool safetensors = Directory.Exists(path)
            || path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            || path.EndsWith(ShardedSafetensors.IndexSuffix, StringComparison.OrdinalIgnoreCase);
        return safetensors ? OpenSafetensors(path) : GgufFile.Open(path);
    }

    /// <summary>Opens a safetensors file, the index of a sharded one, or a folder with either.</summary>
    /// <exception cref="ModelFormatException">Not a valid file, or parts are missing.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static ITensorSource OpenSafetensors(string path)
    {
        if (Directory.Exists(path))
        {
            string single = Path.Combine(path, "model.safetensors");
            string index = single + ShardedSafetensors.IndexSuffix;
            return File.Exists(index) ? ShardedSafetensors.Open(index)
                : File.Exists(single) ? SafetensorsFile.Open(single)
                : throw new ModelFormatException(
                    path, $"the folder has neither model.safetensors nor {Path.GetFileName(index)}", "give a folder with a model's weights");
        }
        return path.EndsWith(ShardedSafetensors.IndexSuffix, StringComparison.OrdinalIgnoreCase)
            ? ShardedSafetensors.Open(path)
            : SafetensorsFile.Open(path);
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public static bool HasTensor(this ITensorSource source, string name) => source.FindTensor(name) is not null;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelFormatException">There is none.</exception>
    public static StoredTensor GetTensor(this ITensorSource source, string name) =>
        source.FindTensor(name) ?? throw new ModelFormatException(
            source.Path,
            $"the tensor '{name}' is missing",
            source.Tensors.Count is > 0 and <= 20
                ? $"the file holds {string.Join(", ", source.Tensors.Select(tensor => tensor.Name))}"
                : "the file is incomplete or of another architecture");

    /// <summary>All values of a tensor of any float type, row after row.</summary>
    /// <exception cref="ModelFormatException">No such tensor, a type that cannot be read, or too large for one array.</exception>
    public static float[] ReadFloats(this ITensorSource source, string name) => source.GetTensor(name).ReadAll();

    /// <summary>Values [first, first + values.Length) of a tensor of any float type.</summary>
    /// <inheritdoc cref="StoredTensor.Read(long, Span{float})" path="/exception"/>
    public static void ReadFloats(this ITensorSource source, string name, long first, Span<float> values) =>
        source.GetTensor(name).Read(first, values);

    /// <summary>All values of a tensor of any float type, into a buffer of exactly their number.</summary>
    /// <exception cref="ModelFormatException">No such tensor, or a type that cannot be read.</exception>
    /// <exception cref="ArgumentException">The buffer has another length than the tensor.</exception>
    public static void ReadFloats(this ITensorSource source, string name, Span<float> values) =>
        source.GetTensor(name).Read(values);
}
