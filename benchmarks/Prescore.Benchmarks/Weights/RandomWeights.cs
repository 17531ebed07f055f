using System.Buffers.Binary;
using Prescore.Kernels;
using Prescore.Models.Formats;

namespace Prescore.Benchmarks.Weights;

/// <summary>
/// Random blocks of the types that models are stored in, with zero mean and a given standard deviation: every number of a
/// block is drawn evenly, its scales are fixed. Times do not depend on the values.
/// </summary>
internal static class RandomWeights
{
    /// <summary>A six-bit scale or minimum of half its range.</summary>
    private const int SixBitScale = 32;

    /// <summary>Writes random blocks to a temporary file and maps it, as a model's weights are.</summary>
    public static WeightMatrix Create(StorageType type, int rows, int depth)
    {
        var bytes = new byte[(long)rows * depth / type.BlockLength * type.BlockBytes];
        Fill(type, bytes, 1 / Math.Sqrt(depth), new Random(3));
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, bytes);
        using var file = new Memory.MappedFile(path);
        // What is mapped stays readable.
        File.Delete(path);
        return StoredMatrix.Create(depth, SimdPaths.Best, new StoredRows(file.Map(0, bytes.Length), rows, type.Blocks));
    }

    /// <summary>Fills whole blocks.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="bytes">The blocks.</param>
    /// <param name="deviation">Standard deviation of the values.</param>
    /// <param name="random">Draws the numbers.</param>
    public static void Fill(StorageType type, Span<byte> bytes, double deviation, Random random)
    {
        random.NextBytes(bytes);
        for (int at = 0; at < bytes.Length; at += type.BlockBytes)
        {
            SetScales(type.Name, bytes.Slice(at, type.BlockBytes), deviation, random);
        }
    }

    private static void SetScales(string type, Span<byte> block, double deviation, Random random)
    {
        // Numbers 0 … levels − 1 drawn evenly deviate by √((levels² − 1) / 12).
        double Step(int levels) => deviation / Math.Sqrt((levels * (double)levels - 1) / 12);
        switch (type)
        {
            case "F32":
                BinaryPrimitives.WriteSingleLittleEndian(block, (float)Evenly(deviation, random));
                break;
            case "F16":
                WriteHalf(block, Evenly(deviation, random));
                break;
            case "BF16":
                BinaryPrimitives.WriteInt16LittleEndian(block, (short)(BitConverter.SingleToInt32Bits((float)Evenly(deviation, random)) >> 16));
                break;
            case "Q4_0":
                WriteHalf(block, Step(16));
                break;
            case "Q4_1":
                WriteHalf(block, Step(16));
                WriteHalf(block[2..], -7.5 * Step(16));
                break;
            case "Q8_0":
                WriteHalf(block, Step(256));
                break;
            case "Q4_K":
                SetSixBitScales(block, Step(16), 7.5);
                break;
            case "Q5_K":
                SetSixBitScales(block, Step(32), 15.5);
                break;
            case "Q6_K":
                block.Slice(192, 16).Fill(SixBitScale);
                WriteHalf(block[208..], Step(64) / SixBitScale);
                break;
            default:
                throw new ArgumentException($"no random blocks of {type}", nameof(type));
        }
    }

    /// <summary>All eight scales and minimums 32, the upper two bits of the last four being the upper two of the first eight bytes.</summary>
    private static void SetSixBitScales(Span<byte> block, double step, double middle)
    {
        WriteHalf(block, step / SixBitScale);
        WriteHalf(block[2..], middle * step / SixBitScale);
        block.Slice(4, 8).Fill(SixBitScale | SixBitScale >> 4 << 6);
        block.Slice(12, 4).Clear();
    }

    private static double Evenly(double deviation, Random random) => (random.NextDouble() - 0.5) * Math.Sqrt(12) * deviation;

    private static void WriteHalf(Span<byte> to, double value) => BinaryPrimitives.WriteHalfLittleEndian(to, (Half)value);
}
