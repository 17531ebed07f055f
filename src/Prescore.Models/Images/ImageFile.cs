using StbImageSharp;

namespace Prescore.Models.Images;

/// <summary>
/// Reads PNG and JPEG files. Grey values are copied to all channels, alpha is dropped (as converting to RGB drops it where
/// the models were trained), of 16 bits a channel the upper 8 are taken, and the Exif orientation is applied. Decoded by
/// StbImageSharp, after the structure of the file was checked.
/// </summary>
public static class ImageFile
{
    /// <summary>Most pixels of an image; more are refused before anything is allocated for them.</summary>
    public const long MostPixels = 1L << 26;

    /// <summary>Longest file.</summary>
    private const long MostBytes = 1L << 30;

    private static readonly (byte[] Signature, string Name)[] OtherFormats =
    [
        ("GIF8"u8.ToArray(), "GIF"),
        ("BM"u8.ToArray(), "BMP"),
        ("II*\0"u8.ToArray(), "TIFF"),
        ("MM\0*"u8.ToArray(), "TIFF"),
        ("RIFF"u8.ToArray(), "WebP"),
    ];

    /// <summary>Reads an image.</summary>
    /// <exception cref="ImageFormatException">Not an image of a kind that is read, truncated, damaged, without pixels or too large.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static RgbImage Read(string path)
    {
        if (path.Length == 0)
        {
            throw new FileNotFoundException("the path of an image is empty");
        }
        if (new FileInfo(path) is { Exists: true, Length: > MostBytes })
        {
            throw new ImageFormatException(path, $"the file is longer than {MostBytes:N0} bytes", "scale the image down");
        }
        byte[] bytes = File.ReadAllBytes(path);
        ImageStructure structure = ReadStructure(path, bytes);
        if (structure.Width == 0 || structure.Height == 0)
        {
            throw new ImageFormatException(path, $"an image of {structure.Width}×{structure.Height} has no pixels", "use another image");
        }
        if (structure.Width > MostPixels || structure.Height > MostPixels || structure.Width * structure.Height > MostPixels)
        {
            throw new ImageFormatException(
                path, $"an image of {structure.Width}×{structure.Height} has more than {MostPixels:N0} pixels", "scale it down");
        }
        return ExifOrientation.Apply(Decode(path, bytes), structure.Orientation);
    }

    private static ImageStructure ReadStructure(string path, ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith(PngStructure.Signature))
        {
            return PngStructure.Read(path, bytes);
        }
        if (bytes.StartsWith(JpegStructure.Signature))
        {
            return JpegStructure.Read(path, bytes);
        }
        foreach ((byte[] signature, string name) in OtherFormats)
        {
            if (bytes.StartsWith(signature))
            {
                throw new ImageFormatException(path, $"{name} images are not read", "convert it to PNG or JPEG");
            }
        }
        throw new ImageFormatException(path, "this is no PNG or JPEG image", "name an image file");
    }

    private static RgbImage Decode(string path, byte[] bytes)
    {
        try
        {
            ImageResult image = ImageResult.FromMemory(bytes, ColorComponents.RedGreenBlue);
            return new RgbImage(image.Width, image.Height, image.Data);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The decoder throws exceptions of the most general type, and of indices where data are damaged.
            throw new ImageFormatException(path, $"the image cannot be decoded ({exception.Message})", "copy or save it anew", exception);
        }
    }
}
