namespace Prescore.Experiments.Layers;

/// <summary>One layer's captured tensors from a file; a shorter length is the beginning of it.</summary>
public sealed class FileLayers : ILayerSource
{
    private readonly string _name;
    private readonly LayerTensors _layer;

    /// <summary>Reads the file, see <see cref="LayerFile"/>.</summary>
    /// <exception cref="BadInputException">The layer has not as many queries as keys.</exception>
    public FileLayers(string path)
    {
        _name = Path.GetFileName(path);
        _layer = LayerFile.Read(path);
        if (_layer.Shape.Queries != _layer.Shape.Keys)
        {
            throw new BadInputException(
                $"{_name}: a benchmark over lengths needs as many queries as keys, here {_layer.Shape.Queries} and {_layer.Shape.Keys}");
        }
    }

    /// <inheritdoc/>
    public string Description => _name;

    /// <inheritdoc/>
    public int MaximumTokens => _layer.Shape.Keys;

    /// <inheritdoc/>
    public IReadOnlyList<LayerTensors> Load(int tokens, IProgress<StudyProgress>? progress, CancellationToken cancellationToken) =>
        [_layer.Prefix(tokens)];
}
