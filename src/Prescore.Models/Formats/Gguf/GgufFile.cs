using Prescore.Memory;

namespace Prescore.Models.Formats.Gguf;

/// <summary>
/// A GGUF model, memory mapped: metadata and tensors, of one file or of all parts of a split one. Many threads may read
/// at once.
/// </summary>
public sealed class GgufFile : ITensorSource
{
    private readonly List<MappedFile> _parts = [];
    private readonly Dictionary<string, StoredTensor> _byName = [];
    private readonly List<StoredTensor> _tensors = [];

    private GgufFile(string path)
    {
        try
        {
            GgufHeader header = ReadPart(path);
            if (GgufSplit.Of(path, header.Metadata) is { } split)
            {
                // Opened by another part than the first, which alone has the model's metadata: begin again with that one.
                header = split.Index == 0 ? header : Restart(split.PartPath(0));
                ReadRest(split, header);
            }
            Path = _parts[0].Path;
            Version = header.Version;
            Metadata = header.Metadata;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The path of the file, or of the first part of a split one.</summary>
    public string Path { get; }

    /// <summary>Format version, 2 or 3.</summary>
    public int Version { get; }

    /// <summary>The metadata.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>All tensors, in file order.</summary>
    public IReadOnlyList<StoredTensor> Tensors => _tensors;

    /// <summary>Opens a file, or all parts of a split one by any of them, and checks the whole headers.</summary>
    /// <exception cref="ModelFormatException">The file is no valid GGUF file, or parts are missing or of another model.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static GgufFile Open(string path) => new(path);

    /// <inheritdoc/>
    public StoredTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose() => _parts.ForEach(part => part.Dispose());

    private GgufHeader ReadPart(string path)
    {
        var file = new MappedFile(path);
        _parts.Add(file);
        GgufHeader header = GgufHeader.Read(file);
        foreach (StoredTensor tensor in header.Tensors)
        {
            if (!_byName.TryAdd(tensor.Name, tensor))
            {
                throw new ModelFormatException(path, $"the tensor '{tensor.Name}' is in an earlier part too", GgufSplit.Advice);
            }
            _tensors.Add(tensor);
        }
        return header;
    }

    private GgufHeader Restart(string path)
    {
        Dispose();
        _parts.Clear();
        _byName.Clear();
        _tensors.Clear();
        return ReadPart(path);
    }

    private void ReadRest(GgufSplit split, GgufHeader first)
    {
        split.Check(_parts[0].Path, first.Metadata, index: 0);
        for (int index = 1; index < split.Count; index++)
        {
            string path = split.PartPath(index);
            split.Check(path, ReadPart(path).Metadata, index);
        }
        int expected = first.Metadata.GetCount(GgufSplit.TensorsKey, _tensors.Count);
        if (expected != _tensors.Count)
        {
            throw new ModelFormatException(
                _parts[0].Path, $"the {split.Count} parts hold {_tensors.Count} tensors, {GgufSplit.TensorsKey} says {expected}", GgufSplit.Advice);
        }
    }
}
