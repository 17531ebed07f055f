using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Experiments.Agreement;

/// <summary>What an agreement study continues.</summary>
public sealed record AgreementSettings
{
    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Text from which the prompts are cut.</summary>
    public required TextInput Text { get; init; }

    /// <summary>Prompts, evenly spaced over the text.</summary>
    public int Prompts { get; init; } = 20;

    /// <summary>Tokens of a prompt.</summary>
    public int Context { get; init; } = 8000;

    /// <summary>Tokens to generate.</summary>
    public int Tokens { get; init; } = 64;

    /// <summary>Scaling of positions.</summary>
    public RopeScaling? Rope { get; init; }

    /// <summary>Whether a context beyond the trained one is fine without scaling.</summary>
    public bool AllowLong { get; init; }

    /// <summary>File of finished rows, read at the start and added to; null: none.</summary>
    public string? StatePath { get; init; }
}
