using System.Security.Cryptography;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Families;

/// <summary>Tells one model from another by its content.</summary>
public static class ModelHash
{
    /// <summary>
    /// SHA-256, lower-case hexadecimal: of a file's bytes; of a folder the configuration's and then all safetensors files', in
    /// order of their names, and of a split GGUF file all parts', as one sequence.
    /// </summary>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="ModelFormatException">A part of a split file is missing.</exception>
    public static string Of(string path)
    {
        string[] files = Directory.Exists(path)
            ? [Path.Combine(path, "config.json"), .. Directory.GetFiles(path, "*.safetensors").Order(StringComparer.Ordinal)]
            : [.. GgufSplit.PartsOf(path)];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (string file in files)
        {
            using FileStream stream = File.OpenRead(file);
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                hash.AppendData(buffer, 0, count);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
