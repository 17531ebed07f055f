using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Experiments.Needle;

/// <summary>What a needle study hides, where, and how often.</summary>
public sealed record NeedleSettings
{
    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Text from which the haystacks are cut.</summary>
    public required TextInput Text { get; init; }

    /// <summary>Tokens of a haystack with its needles and one question.</summary>
    public IReadOnlyList<int> Lengths { get; init; } = [1024, 2048, 4096, 8192];

    /// <summary>Places of needles, evenly spaced from the beginning to the end of a haystack.</summary>
    public int Depths { get; init; } = 16;

    /// <summary>Haystacks a length, each another part of the text with needles of its own.</summary>
    public int Haystacks { get; init; } = 10;

    /// <summary>Scaling of positions.</summary>
    public RopeScaling? Rope { get; init; }

    /// <summary>Whether a context beyond the trained one is fine without scaling.</summary>
    public bool AllowLong { get; init; }

    /// <summary>File of finished trials, read at the start and added to; null: none.</summary>
    public string? StatePath { get; init; }
}
