using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Experiments;

/// <summary>What a perplexity study reads and scores; null means the documented default.</summary>
public sealed record PerplexitySettings
{
    /// <summary>Tokens a window where none are asked for, or the whole text where that is shorter.</summary>
    public const int DefaultContext = 4096;

    /// <summary>Context before the first scored target; a quarter of a window that is not longer than this.</summary>
    public const int DefaultSkip = 1024;

    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>The text; its owner disposes it after <see cref="PerplexityStudy.Report"/>.</summary>
    public required TextInput Text { get; init; }

    /// <summary>Tokens a window.</summary>
    public int? Context { get; init; }

    /// <summary>Windows, one after the other.</summary>
    public int Windows { get; init; } = 1;

    /// <summary>Targets at positions below it are context, not scored.</summary>
    public int? Skip { get; init; }

    /// <summary>Scaling of positions.</summary>
    public RopeScaling? Rope { get; init; }

    /// <summary>Whether a context beyond the trained one is fine without scaling.</summary>
    public bool AllowLong { get; init; }

    /// <summary>What linear layers make of activations.</summary>
    public ActivationPrecision Activations { get; init; } = ActivationPrecision.Float;
}
