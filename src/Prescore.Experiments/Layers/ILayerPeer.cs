using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>Exact attention of another library, which is timed beside ours.</summary>
public interface ILayerPeer
{
    /// <summary>Name of the library, with its version.</summary>
    string Name { get; }

    /// <summary>Runs causal attention on a layer; the report's seconds are those of the library's own work.</summary>
    LayerRun Run(LayerTensors layer, AttentionOptions options);
}
