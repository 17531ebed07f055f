using Prescore.Models.Images;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>How a family of vision transformers differs from others.</summary>
internal sealed record VisionPlan
{
    /// <summary>Sizes.</summary>
    public required VisionConfiguration Configuration { get; init; }

    /// <summary>How the file names its tensors.</summary>
    public required TensorNames Names { get; init; }

    /// <summary>What stands before the names of all tensors but the classifier's.</summary>
    public required string Prefix { get; init; }

    /// <summary>ε of the norms.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Nonlinearity of the feed-forward layers.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Whether queries, keys and values have biases.</summary>
    public required bool ProjectionBias { get; init; }

    /// <summary>Whether branches are scaled by a factor an element.</summary>
    public bool LayerScale { get; init; }

    /// <summary>Whether the classifier sees the mean of the patches after CLS.</summary>
    public bool ClassifiesPatchMean { get; init; }

    /// <summary>Preprocessing where the model's folder describes none.</summary>
    public required ImagePreprocessing Preprocessing { get; init; }

    /// <summary>Whether a tensor holds nothing that is computed.</summary>
    public Func<string, bool> IsUnused { get; init; } = static _ => false;
}
