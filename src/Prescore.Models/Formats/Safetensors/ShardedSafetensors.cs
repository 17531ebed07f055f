using System.Text.Json;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// A model in several safetensors files: <c>model.safetensors.index.json</c> says which file holds each tensor.
/// </summary>
public sealed class ShardedSafetensors : ITensorSource
{
    /// <summary>What the name of an index adds to the name that a single file would have.</summary>
    internal const string IndexSuffix = ".index.json";

    private const string Damaged = "the index is damaged; fetch it again";

    // The weight map of the largest models takes some ten MB; more is no index.
    private const long MaximumIndexBytes = 100_000_000;

    private readonly List<SafetensorsFile> _shards = [];
    private readonly Dictionary<string, StoredTensor> _byName = [];

    private ShardedSafetensors(string path)
    {
        Path = path;
    }

    /// <summary>The path of the index.</summary>
    public string Path { get; }

    /// <summary>All tensors, shard after shard.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; private set; } = [];

    /// <summary>Opens an index and all its files.</summary>
    /// <exception cref="ModelFormatException">The index or one of the files is not valid, is missing, or they do not fit each other.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static ShardedSafetensors Open(string indexPath)
    {
        var source = new ShardedSafetensors(indexPath);
        try
        {
            source.OpenShards(source.ReadWeightMap());
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public StoredTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose() => _shards.ForEach(shard => shard.Dispose());

    private Dictionary<string, string> ReadWeightMap()
    {
        using FileStream stream = File.OpenRead(Path);
        if (stream.Length > MaximumIndexBytes)
        {
            throw new ModelFormatException(Path, $"an index of {stream.Length} bytes", Damaged);
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(stream, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.GetProperty("weight_map").EnumerateObject()
                .ToDictionary(entry => entry.Name, entry => entry.Value.GetString() ?? throw new JsonException("a file name is null"));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelFormatException(Path, $"no valid index with a weight_map ({error.Message.ReplaceLineEndings(" ")})", Damaged);
        }
    }

    private void OpenShards(Dictionary<string, string> weightMap)
    {
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        foreach (IGrouping<string, KeyValuePair<string, string>> shard in weightMap.GroupBy(entry => entry.Value).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            SafetensorsFile file = OpenShard(folder, shard.Key);
            _shards.Add(file);
            foreach ((string name, _) in shard)
            {
                _byName.Add(name, file.FindTensor(name) ?? throw new ModelFormatException(
                    file.Path, $"the tensor '{name}', which the index places here, is missing", "fetch the model again"));
            }
        }
        Tensors = [.. _shards.SelectMany(shard => shard.Tensors)];
        if (Tensors.FirstOrDefault(tensor => !_byName.TryGetValue(tensor.Name, out StoredTensor? indexed) || indexed != tensor) is { } stray)
        {
            throw new ModelFormatException(stray.Path, $"the tensor {stray} is not where the index says", "fetch the model again");
        }
    }

    private SafetensorsFile OpenShard(string folder, string name)
    {
        // A name that leaves the folder could open any file of the user's.
        if (name.Length == 0 || name != System.IO.Path.GetFileName(name))
        {
            throw new ModelFormatException(Path, $"'{name}' is no name of a file beside the index", Damaged);
        }
        string path = System.IO.Path.Combine(folder, name);
        return File.Exists(path)
            ? SafetensorsFile.Open(path)
            : throw new ModelFormatException(Path, $"the file '{name}' of the model is missing", "fetch it too");
    }
}
