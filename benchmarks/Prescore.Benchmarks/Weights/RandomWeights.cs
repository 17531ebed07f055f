using System.Buffers.Binary;
using Prescore.Kernels;
using Prescore.Models.Formats;

namespace Prescore.Benchmarks.Weights;

/// <summary>Matrices of random blocks with scales as models have them; times do not depend on the rest.</summary>
internal static class RandomWeights
{
    /// <summary>Writes random blocks to a temporary file and maps it, as a model's weights are.</summary>
    public static WeightMatrix Create(StorageType type, int rows, int depth)
    {
        var bytes = new byte[(long)rows * depth / type.BlockLength * type.BlockBytes];
        Fill(type, bytes, new Random(3));
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, bytes);
        using var file = new Memory.MappedFile(path);
        // What is mapped stays readable.
        File.Delete(path);
        return StoredMatrix.Create(depth, SimdPaths.Best, new StoredRows(file.Map(0, bytes.Length), rows, type.Blocks));
    }

    /// <summary>Fills whole blocks with random numbers under scales around 1/100.</summary>
    public static void Fill(StorageType type, Span<byte> bytes, Random random)
    {
        random.NextBytes(bytes);
        for (int at = 0; at < bytes.Length; at += type.BlockBytes)
        {
            Span<byte> block = bytes.Slice(at, type.BlockBytes);
            var scale = (Half)((random.NextSingle() - 0.5f) / 100);
            switch (type.Name)
            {
                case "F32":
                    BinaryPrimitives.WriteSingleLittleEndian(block, (float)scale);
                    break;
                case "BF16":
                    BinaryPrimitives.WriteInt16LittleEndian(block, (short)(BitConverter.SingleToInt32Bits((float)scale) >> 16));
                    break;
                case "Q6_K":
                    BinaryPrimitives.WriteHalfLittleEndian(block[208..], scale);
                    break;
                default:
                    BinaryPrimitives.WriteHalfLittleEndian(block, scale);
                    if (type.Name is "Q4_1" or "Q4_K" or "Q5_K")
                    {
                        BinaryPrimitives.WriteHalfLittleEndian(block[2..], scale);
                    }
                    break;
            }
        }
    }
}
