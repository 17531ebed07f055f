namespace Prescore.Models.Images;

/// <summary>
/// Resizes as Pillow does, on whose pixels the models were trained: a separable filter that widens with the scale when
/// shrinking (so that nothing aliases), first across, then down, in fixed point with 22 fractional bits, rounded to 8 bits
/// after each pass.
/// </summary>
public static class ImageResizer
{
    private const int FractionalBits = 22;

    /// <summary>Resizes an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="width">Columns wanted, at least 1.</param>
    /// <param name="height">Rows wanted, at least 1.</param>
    /// <param name="resampling">The filter.</param>
    public static RgbImage Resize(RgbImage image, int width, int height, Resampling resampling)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (resampling == Resampling.Nearest)
        {
            return Nearest(image, width, height);
        }
        RgbImage across = width == image.Width ? image : Across(image, Taps.Of(image.Width, width, resampling));
        return height == across.Height ? across : Down(across, Taps.Of(across.Height, height, resampling));
    }

    private static RgbImage Nearest(RgbImage image, int width, int height)
    {
        var pixels = new byte[checked(3 * width * height)];
        for (int y = 0; y < height; y++)
        {
            int row = (int)((y + 0.5) * image.Height / height);
            for (int x = 0; x < width; x++)
            {
                int column = (int)((x + 0.5) * image.Width / width);
                image.Pixels.AsSpan(3 * (row * image.Width + column), 3).CopyTo(pixels.AsSpan(3 * (y * width + x)));
            }
        }
        return new RgbImage(width, height, pixels);
    }

    private static RgbImage Across(RgbImage image, Taps[] columns)
    {
        var pixels = new byte[checked(3 * columns.Length * image.Height)];
        Parallel.For(0, image.Height, y =>
        {
            ReadOnlySpan<byte> row = image.Pixels.AsSpan(3 * y * image.Width, 3 * image.Width);
            for (int x = 0; x < columns.Length; x++)
            {
                Filter(row, 3, columns[x], pixels.AsSpan(3 * (y * columns.Length + x), 3));
            }
        });
        return new RgbImage(columns.Length, image.Height, pixels);
    }

    private static RgbImage Down(RgbImage image, Taps[] rows)
    {
        var pixels = new byte[checked(3 * image.Width * rows.Length)];
        Parallel.For(0, rows.Length, y =>
        {
            for (int x = 0; x < image.Width; x++)
            {
                Filter(image.Pixels.AsSpan(3 * x), 3 * image.Width, rows[y], pixels.AsSpan(3 * (y * image.Width + x), 3));
            }
        });
        return new RgbImage(image.Width, rows.Length, pixels);
    }

    private static void Filter(ReadOnlySpan<byte> line, int stride, Taps taps, Span<byte> pixel)
    {
        int red = 1 << (FractionalBits - 1), green = red, blue = red;
        for (int i = 0; i < taps.Weights.Length; i++)
        {
            ReadOnlySpan<byte> source = line.Slice((taps.First + i) * stride, 3);
            red += source[0] * taps.Weights[i];
            green += source[1] * taps.Weights[i];
            blue += source[2] * taps.Weights[i];
        }
        pixel[0] = (byte)Math.Clamp(red >> FractionalBits, 0, 255);
        pixel[1] = (byte)Math.Clamp(green >> FractionalBits, 0, 255);
        pixel[2] = (byte)Math.Clamp(blue >> FractionalBits, 0, 255);
    }

    /// <summary>The source pixels of one target pixel and their weights in fixed point.</summary>
    private readonly record struct Taps(int First, int[] Weights)
    {
        public static Taps[] Of(int source, int target, Resampling resampling)
        {
            double scale = (double)source / target;
            double stretch = Math.Max(1, scale);
            double support = Support(resampling) * stretch;
            return [.. Enumerable.Range(0, target).Select(i =>
            {
                double centre = (i + 0.5) * scale;
                int first = Math.Max(0, (int)(centre - support + 0.5));
                int end = Math.Min(source, (int)(centre + support + 0.5));
                double[] weights = [.. Enumerable.Range(first, end - first).Select(x => Weight(resampling, (x - centre + 0.5) / stretch))];
                double sum = weights.Sum();
                return new Taps(first, [.. weights.Select(weight => Rounded((sum == 0 ? weight : weight / sum) * (1 << FractionalBits)))]);
            })];
        }

        /// <summary>Rounded half away from zero.</summary>
        private static int Rounded(double x) => (int)(x < 0 ? x - 0.5 : x + 0.5);

        private static double Support(Resampling resampling) => resampling switch
        {
            Resampling.Lanczos => 3,
            Resampling.Bicubic => 2,
            _ => 1,
        };

        private static double Weight(Resampling resampling, double x)
        {
            x = Math.Abs(x);
            switch (resampling)
            {
                case Resampling.Lanczos:
                    return x < 3 ? Sinc(x) * Sinc(x / 3) : 0;
                case Resampling.Bicubic:
                    const double A = -0.5;
                    return x < 1 ? ((A + 2) * x - (A + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
                default:
                    return x < 1 ? 1 - x : 0;
            }
        }

        private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
    }
}
