using System.Buffers.Binary;
using Prescore.Models.Images;

namespace Prescore.Tests.Images;

/// <summary>Small files written by Pillow, and what becomes of damaged ones.</summary>
public class ImageFileTests
{
    private static readonly byte[] Colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90];

    private static readonly byte[] Rgb = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAGElEQVR4nGP4z8DA8J+BgeE/I5eIHAQAADEzA++e06gjAAAAAElFTkSuQmCC");

    private static readonly byte[] Grey = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAAC4HznGAAAAEElEQVR4nGPwmSbLKCQnBwAGxQFPAgsmgAAAAABJRU5ErkJggg==");

    private static readonly byte[] Grey16 = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR4nGMQMvl3BwADwQIhDeNHMgAAAABJRU5ErkJggg==");

    private static readonly byte[] Alpha = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAIUlEQVR4nAXBoQEAAAjDsM6i0f2I/88ZSQqXAimZ9VRUHkuBBIwHc1/dAAAAAElFTkSuQmCC");

    private static readonly byte[] Cmyk = Convert.FromBase64String(
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0NB8nOT04MjwuMzQy/8AAFAgAAgADBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//aAA4EQwBNAFkASwAAPwDz/9k=");

    /// <summary>16×8, white on the left and black on the right, orientation 6: to be turned clockwise.</summary>
    private static readonly byte[] Turned = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAIABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD9/K/gDoooA//Z");

    [Fact]
    public void Colours_greys_16_bits_and_alpha_become_8_bit_RGB()
    {
        Read(Rgb).Pixels.ShouldBe(Colours);
        Read(Alpha).Pixels.ShouldBe(Colours);
        Read(Grey).Pixels.ShouldBe([76, 76, 76, 150, 150, 150, 29, 29, 29, 18, 18, 18, 48, 48, 48, 78, 78, 78]);
        Read(Grey16).Pixels.ShouldBe([0x12, 0x12, 0x12, 0xFE, 0xFE, 0xFE]);
    }

    [Fact]
    public void The_orientation_is_applied()
    {
        RgbImage image = Read(Turned);
        (image.Width, image.Height).ShouldBe((8, 16));
        image.Pixels[0].ShouldBeGreaterThan((byte)250);
        image.Pixels[^1].ShouldBeLessThan((byte)5);
    }

    [Fact]
    public void Every_orientation_puts_the_first_stored_pixel_where_it_belongs()
    {
        var stored = new RgbImage(3, 2, Colours);
        // Where the first pixel of the file is to be seen: column and row.
        (int X, int Y)[] expected = [(0, 0), (2, 0), (2, 1), (0, 1), (0, 0), (1, 0), (1, 2), (0, 2)];
        for (int orientation = 1; orientation <= 8; orientation++)
        {
            RgbImage image = ExifOrientation.Apply(stored, orientation);
            image.Width.ShouldBe(orientation < 5 ? 3 : 2);
            (int x, int y) = expected[orientation - 1];
            image.Pixels.AsSpan(3 * (y * image.Width + x), 3).ToArray().ShouldBe([255, 0, 0], $"orientation {orientation}");
        }
    }

    [Fact]
    public void Truncated_damaged_and_foreign_files_are_named()
    {
        for (int length = 0; length < Rgb.Length; length++)
        {
            Should.Throw<ImageFormatException>(() => Read(Rgb[..length]));
        }
        for (int length = 0; length < Turned.Length - 1; length += 7)
        {
            Should.Throw<ImageFormatException>(() => Read(Turned[..length]));
        }
        byte[] flipped = [.. Rgb];
        flipped[45] ^= 1;
        Message(flipped).ShouldContain("checksum");
        Message(Cmyk).ShouldContain("CMYK");
        Message("GIF89a…"u8.ToArray()).ShouldContain("GIF");
        Message("hello"u8.ToArray()).ShouldContain("no PNG or JPEG");
        Message([]).ShouldContain("no PNG or JPEG");
    }

    [Fact]
    public void Sizes_are_refused_before_anything_is_decoded()
    {
        Message(WithSize(0, 5)).ShouldContain("no pixels");
        Message(WithSize(5, 0)).ShouldContain("no pixels");
        Message(WithSize(100_000, 100_000)).ShouldContain("more than");
        Message(WithSize(uint.MaxValue, uint.MaxValue)).ShouldContain("more than");
    }

    [Fact]
    public void Random_damage_never_gives_another_exception()
    {
        var random = new Random(3);
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = [.. i % 2 == 0 ? Turned : Rgb];
            for (int change = 0; change < 3; change++)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            try
            {
                Read(bytes);
            }
            catch (ImageFormatException)
            {
            }
        }
    }

    /// <summary>The small PNG with another size in its header, checksum included.</summary>
    private static byte[] WithSize(uint width, uint height)
    {
        byte[] bytes = [.. Rgb];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), height);
        uint crc = uint.MaxValue;
        foreach (byte value in bytes.AsSpan(12, 17))
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : 0xEDB88320 ^ (crc >> 1);
            }
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), ~crc);
        return bytes;
    }

    private static string Message(byte[] bytes) => Should.Throw<ImageFormatException>(() => Read(bytes)).Message;

    private static RgbImage Read(byte[] bytes)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("image");
        File.WriteAllBytes(path, bytes);
        return ImageFile.Read(path);
    }
}
