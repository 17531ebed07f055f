namespace Prescore.Models.Images;

/// <summary>An image of 8-bit red, green and blue.</summary>
public sealed class RgbImage
{
    /// <summary>Takes pixels.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">[height, width, 3], row by row from the top; not copied.</param>
    /// <exception cref="ArgumentException">Another number of bytes.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (pixels.LongLength != 3L * width * height)
        {
            throw new ArgumentException($"an image of {width}×{height} has {3L * width * height} bytes, not {pixels.LongLength}", nameof(pixels));
        }
        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[height, width, 3], row by row from the top.</summary>
    public byte[] Pixels { get; }

    /// <summary>An image with every grey value copied to all three channels.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="grey">[height, width].</param>
    public static RgbImage FromGrey(int width, int height, ReadOnlySpan<byte> grey)
    {
        var pixels = new byte[checked(3 * width * height)];
        for (int i = 0; i < width * height; i++)
        {
            pixels.AsSpan(3 * i, 3).Fill(grey[i]);
        }
        return new RgbImage(width, height, pixels);
    }

    /// <summary>Every pixel repeated <paramref name="factor"/> times in both directions.</summary>
    public RgbImage Repeated(int factor)
    {
        var pixels = new byte[checked(Pixels.Length * factor * factor)];
        for (int y = 0; y < Height * factor; y++)
        {
            for (int x = 0; x < Width * factor; x++)
            {
                Pixels.AsSpan(3 * (y / factor * Width + x / factor), 3).CopyTo(pixels.AsSpan(3 * (y * Width * factor + x)));
            }
        }
        return new RgbImage(Width * factor, Height * factor, pixels);
    }

    /// <summary>The part of the given size around the centre; what lies outside the image is black.</summary>
    /// <param name="width">Columns wanted.</param>
    /// <param name="height">Rows wanted.</param>
    public RgbImage CentralPart(int width, int height)
    {
        var pixels = new byte[checked(3 * width * height)];
        int left = FloorHalf(Width - width), top = FloorHalf(Height - height);
        int firstColumn = Math.Max(0, -left), columns = Math.Min(width, Width - left) - firstColumn;
        for (int y = Math.Max(0, -top); y < Math.Min(height, Height - top); y++)
        {
            Pixels.AsSpan(3 * ((y + top) * Width + left + firstColumn), 3 * columns).CopyTo(pixels.AsSpan(3 * (y * width + firstColumn)));
        }
        return new RgbImage(width, height, pixels);
    }

    private static int FloorHalf(int x) => x >> 1;
}
