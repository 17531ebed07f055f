using System.Buffers.Binary;

namespace Prescore.Models.Images;

/// <summary>
/// How a camera was held, as tag 0x0112 of Exif metadata says (CIPA DC-008): 1 as stored, 2 mirrored, 3 turned by 180°, 4
/// upside down, 5 transposed, 6 to be turned by 90° clockwise, 7 transposed along the other diagonal, 8 to be turned by 90°
/// counter-clockwise.
/// </summary>
internal static class ExifOrientation
{
    /// <summary>As stored.</summary>
    public const int Upright = 1;

    private const ushort OrientationTag = 0x0112;
    private const ushort ShortType = 3;
    private const int EntryBytes = 12;

    /// <summary>The orientation in a block of TIFF data; <see cref="Upright"/> where there is none or it is damaged.</summary>
    public static int Read(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8 || !(tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8)))
        {
            return Upright;
        }
        bool little = tiff[0] == 'I';
        uint directory = UInt32(tiff[4..], little);
        if (directory > tiff.Length - 2)
        {
            return Upright;
        }
        ReadOnlySpan<byte> entries = tiff[((int)directory + 2)..];
        int count = Math.Min(UInt16(tiff[(int)directory..], little), entries.Length / EntryBytes);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(i * EntryBytes, EntryBytes);
            if (UInt16(entry, little) == OrientationTag && UInt16(entry[2..], little) == ShortType)
            {
                int orientation = UInt16(entry[8..], little);
                return orientation is >= 1 and <= 8 ? orientation : Upright;
            }
        }
        return Upright;
    }

    /// <summary>The image as it is to be seen.</summary>
    public static RgbImage Apply(RgbImage image, int orientation)
    {
        if (orientation == Upright)
        {
            return image;
        }
        bool transposed = orientation >= 5;
        int width = transposed ? image.Height : image.Width, height = transposed ? image.Width : image.Height;
        var pixels = new byte[image.Pixels.Length];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                (int column, int row) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, width - 1 - x),
                    7 => (height - 1 - y, width - 1 - x),
                    _ => (height - 1 - y, x),
                };
                image.Pixels.AsSpan(3 * (row * image.Width + column), 3).CopyTo(pixels.AsSpan(3 * (y * width + x)));
            }
        }
        return new RgbImage(width, height, pixels);
    }

    private static ushort UInt16(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static uint UInt32(ReadOnlySpan<byte> bytes, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
