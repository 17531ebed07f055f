using System.Runtime.InteropServices;
using Prescore.Models.Images;
using SkiaSharp;

namespace Prescore.Experiments.Vision;

/// <summary>Three panels: the image, where CLS attends, and which patches a scorer keeps.</summary>
public static class AttentionOverlay
{
    private const int LeastSide = 336;
    private const int Gap = 8;

    /// <summary>Draws the picture.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(RgbImage image, PatchAttention seen)
    {
        int zoom = Math.Max(1, (LeastSide + image.Width - 1) / image.Width);
        int width = image.Width * zoom, height = image.Height * zoom;
        using SKBitmap bitmap = ToBitmap(image);
        using SKImage source = SKImage.FromBitmap(bitmap);
        using var surface = SKSurface.Create(new SKImageInfo(3 * width + 2 * Gap, height));
        SKCanvas canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        double most = Math.Max(double.Epsilon, seen.Attended.Max());
        for (int panel = 0; panel < 3; panel++)
        {
            var area = SKRect.Create(panel * (width + Gap), 0, width, height);
            canvas.DrawImage(source, area, new SKSamplingOptions(SKFilterMode.Nearest));
            for (int patch = 0; panel > 0 && patch < seen.Attended.Length; patch++)
            {
                SKRect cell = Cell(area, patch, seen);
                // Attention is a glow over a darkened image; what is not kept goes dark.
                SKColor[] layers = panel == 1
                    ? [new SKColor(0, 0, 0, 150), new SKColor(255, 170, 0, (byte)(220 * Math.Sqrt(seen.Attended[patch] / most)))]
                    : [new SKColor(0, 0, 0, (byte)(215 * (1 - seen.Kept[patch])))];
                foreach (SKColor colour in layers)
                {
                    using var paint = new SKPaint { Color = colour };
                    canvas.DrawRect(cell, paint);
                }
            }
        }
        using SKImage snapshot = surface.Snapshot();
        using SKData png = snapshot.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    private static SKRect Cell(SKRect area, int patch, PatchAttention seen)
    {
        (int row, int column) = Math.DivRem(patch, seen.Columns);
        float width = area.Width / seen.Columns, height = area.Height / seen.Rows;
        return SKRect.Create(area.Left + column * width, area.Top + row * height, width, height);
    }

    private static SKBitmap ToBitmap(RgbImage image)
    {
        var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var pixels = new byte[4 * image.Width * image.Height];
        for (int i = 0; i < image.Width * image.Height; i++)
        {
            image.Pixels.AsSpan(3 * i, 3).CopyTo(pixels.AsSpan(4 * i));
            pixels[4 * i + 3] = 255;
        }
        Marshal.Copy(pixels, 0, bitmap.GetPixels(), pixels.Length);
        return bitmap;
    }
}
