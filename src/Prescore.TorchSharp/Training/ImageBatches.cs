using Prescore.Models.Evaluation.Images;
using Prescore.Numerics;
using Prescore.TorchSharp.Vision;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Training;

/// <summary>
/// Turns images into normalised tensors. Order, shifts and mirrors are functions of (seed, epoch, image), so that a
/// training that is resumed sees what the one that was not interrupted saw.
/// </summary>
internal sealed class ImageBatches(LabelledImages images, VisionSettings vision, int seed, int largestShift)
{
    private const int OrderStream = 101;
    private const int ShiftStream = 102;
    private const int PatchStream = 103;

    /// <summary>The images in an epoch's order.</summary>
    public int[] Order(int epoch) => Shuffled(images.Count, epoch, OrderStream);

    /// <summary>A quarter of the patches, drawn for a step: their numbers, ascending.</summary>
    public Tensor Patches(long step)
    {
        int patches = vision.Tokens - 1;
        return tensor(Shuffled(patches, (int)step, PatchStream)[..(patches / 4)].Order().Select(patch => (long)patch).ToArray());
    }

    private int[] Shuffled(int count, int time, int stream)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        ulong[] keys = [.. order.Select(item => CounterRandom.Hash((ulong)seed, time, 0, item, stream))];
        Array.Sort(keys, order);
        return order;
    }

    /// <summary>Images [count, 1, height, width] and labels [count], augmented for an epoch.</summary>
    public (Tensor Images, Tensor Labels) Augmented(ReadOnlySpan<int> chosen, int epoch)
    {
        var pixels = new float[chosen.Length * images.Height * images.Width];
        for (int i = 0; i < chosen.Length; i++)
        {
            ulong draw = CounterRandom.Hash((ulong)seed, epoch, 0, chosen[i], ShiftStream);
            int range = 2 * largestShift + 1;
            int down = (int)(draw % (ulong)range) - largestShift, right = (int)(draw / 1024 % (ulong)range) - largestShift;
            Copy(images[chosen[i]], down, right, mirror: (draw >> 63) != 0, pixels.AsSpan(i * images.Height * images.Width));
        }
        return (ToTensor(pixels, chosen.Length), Labels(chosen));
    }

    /// <summary>Images and labels as they are.</summary>
    public (Tensor Images, Tensor Labels) Plain(ReadOnlySpan<int> chosen)
    {
        var pixels = new float[chosen.Length * images.Height * images.Width];
        for (int i = 0; i < chosen.Length; i++)
        {
            Copy(images[chosen[i]], 0, 0, mirror: false, pixels.AsSpan(i * images.Height * images.Width));
        }
        return (ToTensor(pixels, chosen.Length), Labels(chosen));
    }

    private void Copy(ReadOnlySpan<byte> image, int down, int right, bool mirror, Span<float> pixels)
    {
        for (int y = 0; y < images.Height; y++)
        {
            for (int x = 0; x < images.Width; x++)
            {
                int fromY = y - down, fromX = (mirror ? images.Width - 1 - x : x) - right;
                bool inside = (uint)fromY < (uint)images.Height && (uint)fromX < (uint)images.Width;
                float value = inside ? image[fromY * images.Width + fromX] / 255f : 0;
                pixels[y * images.Width + x] = (value - vision.PixelMean) / vision.PixelDeviation;
            }
        }
    }

    private Tensor ToTensor(float[] pixels, int count) => tensor(pixels, [count, 1, images.Height, images.Width]);

    private Tensor Labels(ReadOnlySpan<int> chosen)
    {
        var labels = new long[chosen.Length];
        for (int i = 0; i < chosen.Length; i++)
        {
            labels[i] = images.Labels[chosen[i]];
        }
        return tensor(labels);
    }
}
