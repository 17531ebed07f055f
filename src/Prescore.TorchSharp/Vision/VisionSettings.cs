namespace Prescore.TorchSharp.Vision;

/// <summary>Sizes of a vision transformer for square images of one size.</summary>
public sealed record VisionSettings
{
    /// <summary>Height and width of an image in pixels; a multiple of <see cref="PatchSize"/>.</summary>
    public int ImageSize { get; init; } = 28;

    /// <summary>Height and width of a patch in pixels.</summary>
    public int PatchSize { get; init; } = 2;

    /// <summary>Channels of an image: 1 is grey.</summary>
    public int Channels { get; init; } = 1;

    /// <summary>Width of the residual stream.</summary>
    public int HiddenSize { get; init; } = 64;

    /// <summary>Number of layers.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Attention heads a layer.</summary>
    public int Heads { get; init; } = 2;

    /// <summary>Width of the feed-forward layer.</summary>
    public int FeedForwardSize { get; init; } = 128;

    /// <summary>Number of classes.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>ε of the layer norms.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Mean of the pixels (0..1) that images are normalised with.</summary>
    public float PixelMean { get; init; } = 0.2860f;

    /// <summary>Standard deviation of the pixels (0..1) that images are normalised with.</summary>
    public float PixelDeviation { get; init; } = 0.3530f;

    /// <summary>Patches of an image and the CLS token.</summary>
    public int Tokens => (ImageSize / PatchSize) * (ImageSize / PatchSize) + 1;
}
