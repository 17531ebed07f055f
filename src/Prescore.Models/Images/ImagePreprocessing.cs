using System.Text.Json;
using Prescore.Models.Formats;

namespace Prescore.Models.Images;

/// <summary>How an image becomes a model's input, as its <c>preprocessor_config.json</c> says.</summary>
public sealed record ImagePreprocessing
{
    /// <summary>Length that the shorter side is resized to; null: see <see cref="Size"/>.</summary>
    public int? ShortestEdge { get; init; }

    /// <summary>Height and width that the image is resized to, whatever its proportions; null: see <see cref="ShortestEdge"/>; both null: not resized.</summary>
    public (int Height, int Width)? Size { get; init; }

    /// <summary>Filter of the resizing.</summary>
    public Resampling Resampling { get; init; } = Resampling.Bicubic;

    /// <summary>Height and width of the central part that is kept; null: all.</summary>
    public (int Height, int Width)? Crop { get; init; }

    /// <summary>Factor on the 8-bit values.</summary>
    public double RescaleFactor { get; init; } = 1 / 255.0;

    /// <summary>Subtracted from every channel after rescaling: one number a channel.</summary>
    public required float[] Mean { get; init; }

    /// <summary>Every channel is divided by it: one number a channel.</summary>
    public required float[] StandardDeviation { get; init; }

    /// <summary>
    /// The same for square inputs of another size: the shorter side, or both, and the part kept become
    /// <paramref name="size"/> pixels.
    /// </summary>
    public ImagePreprocessing ForSize(int size) => ShortestEdge is null && Crop is null
        ? this with { Size = (size, size) }
        : this with { ShortestEdge = size, Size = null, Crop = (size, size) };

    /// <summary>Reads a <c>preprocessor_config.json</c>; the fallback's values stand for what it does not say.</summary>
    /// <exception cref="ModelFormatException">No JSON object, or a value of the wrong kind.</exception>
    public static ImagePreprocessing Read(string path, ImagePreprocessing fallback)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new PreprocessorConfig(path, document.RootElement).Read(fallback);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new ModelFormatException(path, "the image preprocessing is not described as expected", "fetch the file again", exception);
        }
    }

    /// <summary>Resizes and cuts an image.</summary>
    public RgbImage Fit(RgbImage image)
    {
        if (Size is (int height, int width))
        {
            image = ImageResizer.Resize(image, width, height, Resampling);
        }
        else if (ShortestEdge is int edge)
        {
            int shorter = Math.Min(image.Width, image.Height);
            int longer = (int)Math.Clamp((long)edge * Math.Max(image.Width, image.Height) / shorter, 1, ImageFile.MostPixels / edge);
            bool wide = image.Width > image.Height;
            image = ImageResizer.Resize(image, wide ? longer : edge, wide ? edge : longer, Resampling);
        }
        return Crop is (int rows, int columns) && (rows, columns) != (image.Height, image.Width) ? image.CentralPart(columns, rows) : image;
    }

    /// <summary>Resizes, cuts, rescales and normalises an image.</summary>
    public PixelValues Apply(RgbImage image) => Normalise(Fit(image));

    /// <summary>Rescales and normalises an image as it is. With one channel, its luminance (ITU-R BT.601, as Pillow rounds it).</summary>
    public PixelValues Normalise(RgbImage image)
    {
        int channels = Mean.Length, count = image.Width * image.Height;
        var values = new float[channels * count];
        for (int channel = 0; channel < channels; channel++)
        {
            // Of 256 values, computed once.
            float[] table = [.. Enumerable.Range(0, 256).Select(x => ((float)(x * RescaleFactor) - Mean[channel]) / StandardDeviation[channel])];
            Span<float> target = values.AsSpan(channel * count, count);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> pixel = image.Pixels.AsSpan(3 * i, 3);
                target[i] = table[channels == 1 ? Luminance(pixel) : pixel[channel]];
            }
        }
        return new PixelValues(values, channels, image.Height, image.Width);
    }

    private static int Luminance(ReadOnlySpan<byte> pixel) => (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 0x8000) >> 16;
}

/// <summary>A model's input: channels first, normalised.</summary>
/// <param name="Values">[channels, height, width].</param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public sealed record PixelValues(float[] Values, int Channels, int Height, int Width);
