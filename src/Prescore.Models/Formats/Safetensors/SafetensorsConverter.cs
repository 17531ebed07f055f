using System.Globalization;
using System.Numerics.Tensors;
using Prescore.Memory;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// Writes the tensors of any source, also of architectures that are not computed here, as one safetensors file of plain
/// floats. Names and dimensions stay; integers are copied as they are. A piece of a tensor is in memory at a time.
/// </summary>
public static class SafetensorsConverter
{
    private const int PieceLength = 64 * 1024; // a multiple of every type's block length

    /// <summary>Names of the types that can be asked for.</summary>
    public static string[] Types { get; } = ["F32", "F16", "BF16"];

    /// <summary>Converts; the file appears when it is complete.</summary>
    /// <param name="source">The tensors.</param>
    /// <param name="path">The file to write; not one of the source's.</param>
    /// <param name="type">One of <see cref="Types"/>; F32 loses nothing of quantised types, F16 and BF16.</param>
    /// <param name="progress">Receives the fraction of values that is written.</param>
    /// <param name="cancellationToken">Stops; nothing is left behind.</param>
    /// <exception cref="ModelFormatException">A tensor's type cannot be read, a value is too large for F16, or a name is reserved.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(
        ITensorSource source, string path, string type = "F32", IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        StorageType target = Types.Contains(type)
            ? StorageType.FindSafetensors(type)!
            : throw new ArgumentException($"there is no type {type}, but {string.Join(", ", Types)}", nameof(type));
        var writer = new SafetensorsWriter();
        AddMetadata(writer, source);
        double all = Math.Max(1, source.Tensors.Sum(tensor => (double)tensor.Count)), done = 0;
        foreach (StoredTensor tensor in source.Tensors)
        {
            if (tensor.Name == SafetensorsHeader.MetadataKey)
            {
                throw new ModelFormatException(tensor.Path, $"a tensor has the name {tensor.Name}, which safetensors reserves", "rename it");
            }
            void Advance(int count)
            {
                cancellationToken.ThrowIfCancellationRequested();
                done += count;
                progress?.Report(done / all);
            }
            bool copied = !tensor.Type.IsFloat && tensor.Type.InSafetensors;
            tensor.RequireReadable(orCopied: copied);
            writer.Add(tensor.Name, copied ? tensor.Type : target, tensor.Shape, stream =>
            {
                if (copied)
                {
                    Copy(tensor, stream, Advance);
                }
                else
                {
                    Convert(tensor, target, stream, Advance);
                }
            });
        }
        writer.Save(path);
    }

    private static void Convert(StoredTensor tensor, StorageType target, Stream stream, Action<int> advance)
    {
        var values = new float[Math.Min(PieceLength, tensor.Count)];
        var bytes = new byte[values.Length * target.BlockBytes];
        for (long first = 0; first < tensor.Count; first += values.Length)
        {
            Span<float> part = values.AsSpan(0, (int)Math.Min(values.Length, tensor.Count - first));
            tensor.Read(first, part);
            RequireRange(tensor, target, first, part);
            Span<byte> encoded = bytes.AsSpan(0, part.Length * target.BlockBytes);
            target.Quantize!(part, encoded);
            stream.Write(encoded);
            advance(part.Length);
        }
    }

    private static void Copy(StoredTensor tensor, Stream stream, Action<int> advance)
    {
        using MappedBytes bytes = tensor.Map();
        int pieceBytes = PieceLength * tensor.Type.BlockBytes;
        for (long first = 0; first < bytes.Length; first += pieceBytes)
        {
            ReadOnlySpan<byte> piece = bytes.Slice(first, (int)Math.Min(pieceBytes, bytes.Length - first));
            stream.Write(piece);
            advance(piece.Length / tensor.Type.BlockBytes);
        }
    }

    /// <summary>Halves end at 65,504: a larger weight would become infinite silently.</summary>
    private static void RequireRange(StoredTensor tensor, StorageType target, long first, ReadOnlySpan<float> values)
    {
        int largest = TensorPrimitives.IndexOfMaxMagnitude(values);
        if (target.Ggml == GgmlType.F16 && float.IsFinite(values[largest]) && Half.IsInfinity((Half)values[largest]))
        {
            throw new ModelFormatException(
                tensor.Path,
                string.Create(CultureInfo.InvariantCulture, $"tensor {tensor} holds {values[largest]} at index {first + largest}, too large for F16"),
                "convert to F32 or BF16");
        }
    }

    /// <summary>The strings, numbers and truths of a GGUF file, and whatever a safetensors file has; lists stay behind.</summary>
    private static void AddMetadata(SafetensorsWriter writer, ITensorSource source)
    {
        if (source is SafetensorsFile { Metadata: var strings })
        {
            foreach ((string key, string value) in strings)
            {
                writer.AddMetadata(key, value);
            }
        }
        if (source is GgufFile { Metadata: var metadata })
        {
            foreach (string key in metadata.Keys.Where(key => metadata[key] is not Array))
            {
                writer.AddMetadata(key, System.Convert.ToString(metadata[key], CultureInfo.InvariantCulture)!);
            }
        }
    }
}
