namespace Prescore.Models.Images;

/// <summary>How an image is resized; the numbers are those of Pillow and of <c>preprocessor_config.json</c>.</summary>
public enum Resampling
{
    /// <summary>The nearest pixel.</summary>
    Nearest = 0,

    /// <summary>A windowed sinc over three pixels on each side.</summary>
    Lanczos = 1,

    /// <summary>A triangle over one pixel on each side.</summary>
    Bilinear = 2,

    /// <summary>Cubic convolution with a = −0.5 (Keys, 1981).</summary>
    Bicubic = 3,
}
