using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>One layer's captured tensors from a file; a shorter length is the beginning of it.</summary>
public sealed class FileLayers : ILayerSource
{
    private readonly string _name;
    private readonly LayerTensors _layer;
    private readonly int _tokens;

    /// <summary>Reads as much of the file as the lengths take, see <see cref="LayerFile"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lengths">All lengths that will be loaded.</param>
    /// <exception cref="BadInputException">The layer has not as many queries as keys.</exception>
    public FileLayers(string path, IReadOnlyList<int> lengths)
    {
        _name = Path.GetFileName(path);
        AttentionShape shape = LayerFile.ReadShape(path);
        _tokens = shape.Keys;
        if (shape.Queries != shape.Keys)
        {
            throw new BadInputException(
                $"{_name}: a benchmark over lengths needs as many queries as keys, here {shape.Queries} and {shape.Keys}");
        }
        _layer = LayerFile.Read(path, lengths.Max());
    }

    /// <inheritdoc/>
    public string Description => _name;

    /// <inheritdoc/>
    public int MaximumTokens => _tokens;

    /// <inheritdoc/>
    public IReadOnlyList<LayerTensors> Load(int tokens, IProgress<StudyProgress>? progress, CancellationToken cancellationToken) =>
        [_layer.Prefix(tokens)];
}
