using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Experiments.Tasks;

/// <summary>What a study of tasks hides, where, and how often.</summary>
public sealed record TaskSettings
{
    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Text from which the passages are cut.</summary>
    public required TextInput Text { get; init; }

    /// <summary>Names of the tasks.</summary>
    public required IReadOnlyList<string> Tasks { get; init; }

    /// <summary>Tokens of a passage with one question.</summary>
    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>Facts a passage, evenly spaced from its beginning to its end.</summary>
    public int Depths { get; init; } = 8;

    /// <summary>Passages a task and length, each another part of the text with facts of its own.</summary>
    public int Passages { get; init; } = 10;

    /// <summary>Scaling of positions.</summary>
    public RopeScaling? Rope { get; init; }

    /// <summary>Whether a context beyond the trained one is fine without scaling.</summary>
    public bool AllowLong { get; init; }

    /// <summary>File of finished trials, read at the start and added to; null: none.</summary>
    public string? StatePath { get; init; }
}
