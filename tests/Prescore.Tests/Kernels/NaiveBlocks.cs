using System.Buffers.Binary;
using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

/// <summary>Random blocks of every vectorised encoding, and their values one by one from the layouts' definitions.</summary>
internal static class NaiveBlocks
{
    public static BlockFormat Format(BlockEncoding encoding)
    {
        (int length, int bytes) = encoding switch
        {
            BlockEncoding.F32 => (1, 4),
            BlockEncoding.F16 or BlockEncoding.BF16 => (1, 2),
            BlockEncoding.Q4_0 => (32, 18),
            BlockEncoding.Q4_1 => (32, 20),
            BlockEncoding.Q8_0 => (32, 34),
            BlockEncoding.Q4_K => (256, 144),
            BlockEncoding.Q5_K => (256, 176),
            BlockEncoding.Q6_K => (256, 210),
            _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
        };
        return new BlockFormat(encoding, length, bytes, (blocks, values) => Decode(encoding, blocks, values));
    }

    /// <summary>Blocks whose scales are finite, of either sign and of all magnitudes down to subnormal halves.</summary>
    public static byte[] Draw(BlockEncoding encoding, int values, Random random)
    {
        BlockFormat format = Format(encoding);
        var bytes = new byte[values / format.BlockLength * format.BlockBytes];
        random.NextBytes(bytes);
        for (int at = 0; at < bytes.Length; at += format.BlockBytes)
        {
            Span<byte> block = bytes.AsSpan(at, format.BlockBytes);
            switch (encoding)
            {
                case BlockEncoding.F32:
                    BinaryPrimitives.WriteSingleLittleEndian(block, random.NextSingle() - 0.5f);
                    break;
                case BlockEncoding.BF16:
                    BinaryPrimitives.WriteInt16LittleEndian(block, (short)(BitConverter.SingleToInt32Bits(random.NextSingle() - 0.5f) >> 16));
                    break;
                case BlockEncoding.Q6_K:
                    DrawHalf(block[208..], random);
                    break;
                case BlockEncoding.Q4_1 or BlockEncoding.Q4_K or BlockEncoding.Q5_K:
                    DrawHalf(block, random);
                    DrawHalf(block[2..], random);
                    break;
                default:
                    DrawHalf(block, random);
                    break;
            }
        }
        return bytes;
    }

    public static float[] Decode(BlockEncoding encoding, byte[] blocks)
    {
        BlockFormat format = Format(encoding);
        var values = new float[blocks.Length / format.BlockBytes * format.BlockLength];
        Decode(encoding, blocks, values);
        return values;
    }

    private static void DrawHalf(Span<byte> to, Random random) =>
        BinaryPrimitives.WriteHalfLittleEndian(to, (Half)((random.NextSingle() - 0.5f) * MathF.Pow(2, -random.Next(24))));

    private static void Decode(BlockEncoding encoding, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        BlockFormat format = Format(encoding);
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> block = blocks.Slice(i / format.BlockLength * format.BlockBytes, format.BlockBytes);
            values[i] = (float)Value(encoding, block, i % format.BlockLength);
        }
    }

    private static double Value(BlockEncoding encoding, ReadOnlySpan<byte> block, int i) => encoding switch
    {
        BlockEncoding.F32 => BinaryPrimitives.ReadSingleLittleEndian(block),
        BlockEncoding.F16 => Half(block, 0),
        BlockEncoding.BF16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadInt16LittleEndian(block) << 16),
        BlockEncoding.Q4_0 => Half(block, 0) * (Nibble(block[2..], i, 16) - 8),
        BlockEncoding.Q4_1 => Half(block, 0) * Nibble(block[4..], i, 16) + Half(block, 2),
        BlockEncoding.Q8_0 => Half(block, 0) * (sbyte)block[2 + i],
        BlockEncoding.Q4_K => Scaled(block, i, Nibble(block[(16 + i / 64 * 32)..], i % 64, 32)),
        BlockEncoding.Q5_K => Scaled(block, i, Nibble(block[(48 + i / 64 * 32)..], i % 64, 32) + 16 * ((block[16 + i % 32] >> (i / 32)) & 1)),
        BlockEncoding.Q6_K => SixBits(block, i),
        _ => throw new ArgumentOutOfRangeException(nameof(encoding)),
    };

    private static double Half(ReadOnlySpan<byte> block, int offset) => (double)BinaryPrimitives.ReadHalfLittleEndian(block[offset..]);

    /// <summary>Number i where bytes hold numbers 0 … width − 1 low and width … 2·width − 1 high.</summary>
    private static int Nibble(ReadOnlySpan<byte> bytes, int i, int width) => i < width ? bytes[i] & 15 : bytes[i - width] >> 4;

    /// <summary>d · scale · q − dmin · minimum, with the products of the scales rounded to fp32.</summary>
    private static double Scaled(ReadOnlySpan<byte> block, int i, int q)
    {
        int j = i / 32;
        ReadOnlySpan<byte> packed = block[4..];
        (int scale, int minimum) = j < 4
            ? (packed[j] & 63, packed[j + 4] & 63)
            : ((packed[j + 4] & 15) | (packed[j - 4] >> 6 << 4), (packed[j + 4] >> 4) | (packed[j] >> 6 << 4));
        return (double)(float)(Half(block, 0) * scale) * q - (float)(Half(block, 2) * minimum);
    }

    private static double SixBits(ReadOnlySpan<byte> block, int i)
    {
        (int half, int j) = (i / 128, i % 128);
        (int quarter, int lane) = (j / 32, j % 32);
        int low = block[64 * half + 32 * (quarter % 2) + lane];
        int q = (quarter < 2 ? low & 15 : low >> 4) | (((block[128 + 32 * half + lane] >> (2 * quarter)) & 3) << 4);
        return (double)(float)(Half(block, 208) * (sbyte)block[192 + i / 16]) * (q - 32);
    }
}
