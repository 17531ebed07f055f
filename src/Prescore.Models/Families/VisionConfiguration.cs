namespace Prescore.Models.Families;

/// <summary>Sizes of a vision transformer.</summary>
public sealed record VisionConfiguration
{
    /// <summary>Its <c>model_type</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Inner width of the feed-forward layers.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Side of the images that positions were trained for, in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Channels of an image: 1 or 3.</summary>
    public required int Channels { get; init; }

    /// <summary>Names of the classes; empty without a classifier.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];
}
