namespace Prescore.Models.Evaluation.Images;

/// <summary>Grey images of one size with their classes.</summary>
/// <param name="Pixels">Pixels [count, height, width], 0 black … 255 white.</param>
/// <param name="Labels">Classes [count].</param>
/// <param name="Height">Rows of an image.</param>
/// <param name="Width">Columns of an image.</param>
public sealed record LabelledImages(byte[] Pixels, byte[] Labels, int Height, int Width)
{
    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Pixels of one image.</summary>
    public ReadOnlySpan<byte> this[int index] => Pixels.AsSpan(index * Height * Width, Height * Width);

    /// <summary>The first images.</summary>
    public LabelledImages Take(int count) => count >= Count
        ? this
        : this with { Pixels = Pixels[..(count * Height * Width)], Labels = Labels[..count] };
}
