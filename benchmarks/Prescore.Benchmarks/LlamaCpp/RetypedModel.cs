using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>A copy of a GGUF model with its matrices rounded to another type.</summary>
internal static class RetypedModel
{
    /// <summary>Writes the copy once and returns its path.</summary>
    public static string Write(GgufFile file, GgmlType type, string folder)
    {
        string path = Path.Combine(folder, $"{type}.gguf");
        if (File.Exists(path))
        {
            return path;
        }
        var writer = new GgufWriter();
        foreach (string key in file.Metadata.Keys)
        {
            writer.AddMetadata(key, file.Metadata[key]);
        }
        foreach (StoredTensor tensor in file.Tensors)
        {
            bool matrix = tensor.Shape.Length > 1;
            writer.AddTensor(tensor.Name, matrix ? type : GgmlType.F32, tensor.Shape, tensor.Read);
        }
        writer.Save(path);
        return path;
    }
}
