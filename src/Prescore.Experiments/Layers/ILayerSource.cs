namespace Prescore.Experiments.Layers;

/// <summary>Where the queries, keys and values of a single-layer measurement come from.</summary>
public interface ILayerSource
{
    /// <summary>What the data is, for the report.</summary>
    string Description { get; }

    /// <summary>The greatest length that <see cref="Load"/> gives.</summary>
    int MaximumTokens { get; }

    /// <summary>The layers at a length; a measurement adds their times.</summary>
    /// <param name="tokens">Length n, 1..<see cref="MaximumTokens"/>.</param>
    /// <param name="progress">Receives how far the source has come.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    IReadOnlyList<LayerTensors> Load(int tokens, IProgress<StudyProgress>? progress, CancellationToken cancellationToken);
}
