using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Products with activations of eight bits: products of bytes summed in pairs to 16 bits, two instructions for 32 products.
/// </summary>
internal readonly unsafe partial struct Kernel256 : IInt8KernelPath
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyInt8(sbyte* a, float* factors, byte* b, float* scales, float* minimums, nint blocks, float* c, bool accumulate)
    {
        if (!Avx2.IsSupported)
        {
            KernelScalar.MultiplyInt8(a, factors, b, scales, minimums, blocks, c, accumulate, PanelWidth);
            return;
        }
        if (!accumulate)
        {
            new Span<float>(c, Int8Tiles.TileRows * PanelWidth).Clear();
        }
        float* endScales = scales + blocks * PanelWidth;
        while (scales < endScales)
        {
            // The first word of every column and row, then seven more: sums in 16 bits, at most 8 · 2 · 15 · 127.
            Vector256<byte> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 32);
            Vector256<sbyte> x = Word(a);
            Vector256<short> s00 = Pairs(b0, x), s01 = Pairs(b1, x);
            x = Word(a + 4);
            Vector256<short> s10 = Pairs(b0, x), s11 = Pairs(b1, x);
            x = Word(a + 8);
            Vector256<short> s20 = Pairs(b0, x), s21 = Pairs(b1, x);
            x = Word(a + 12);
            Vector256<short> s30 = Pairs(b0, x), s31 = Pairs(b1, x);
            x = Word(a + 16);
            Vector256<short> s40 = Pairs(b0, x), s41 = Pairs(b1, x);
            x = Word(a + 20);
            Vector256<short> s50 = Pairs(b0, x), s51 = Pairs(b1, x);
            byte* endWords = b + PanelWidth * Int8Activations.BlockLength;
            for (b += PanelWidth * Int8Activations.WordLength, a += 24; b < endWords; b += PanelWidth * Int8Activations.WordLength, a += 24)
            {
                b0 = Vector256.Load(b);
                b1 = Vector256.Load(b + 32);
                x = Word(a);
                s00 += Pairs(b0, x);
                s01 += Pairs(b1, x);
                x = Word(a + 4);
                s10 += Pairs(b0, x);
                s11 += Pairs(b1, x);
                x = Word(a + 8);
                s20 += Pairs(b0, x);
                s21 += Pairs(b1, x);
                x = Word(a + 12);
                s30 += Pairs(b0, x);
                s31 += Pairs(b1, x);
                x = Word(a + 16);
                s40 += Pairs(b0, x);
                s41 += Pairs(b1, x);
                x = Word(a + 20);
                s50 += Pairs(b0, x);
                s51 += Pairs(b1, x);
            }
            AddBlock(s00, s01, scales, minimums, factors, c);
            AddBlock(s10, s11, scales, minimums, factors + 1, c + 1 * PanelWidth);
            AddBlock(s20, s21, scales, minimums, factors + 2, c + 2 * PanelWidth);
            AddBlock(s30, s31, scales, minimums, factors + 3, c + 3 * PanelWidth);
            AddBlock(s40, s41, scales, minimums, factors + 4, c + 4 * PanelWidth);
            AddBlock(s50, s51, scales, minimums, factors + 5, c + 5 * PanelWidth);
            factors += Int8Tiles.Factors;
            scales += PanelWidth;
            minimums += PanelWidth;
        }
    }

    /// <summary>Four numbers of a row, for all columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Word(sbyte* a) => Vector256.Create(*(int*)a).AsSByte();

    /// <summary>Products with neighbouring numbers, in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Pairs(Vector256<byte> b, Vector256<sbyte> x) => Avx2.MultiplyAddAdjacent(b, x);

    /// <summary>Adds a block's sums to a row of C.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(
        Vector256<short> s0, Vector256<short> s1, float* scales, float* minimums, float* factors, float* c)
    {
        Vector256<float> scale = Vector256.Create(factors[0]), sum = Vector256.Create(factors[Int8Tiles.Sums]);
        AddBlock(s0, Vector256.Load(scales) * scale, Vector256.Load(minimums), sum, c);
        AddBlock(s1, Vector256.Load(scales + 8) * scale, Vector256.Load(minimums + 8), sum, c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(Vector256<short> products, Vector256<float> scales, Vector256<float> minimums, Vector256<float> sum, float* c)
    {
        Vector256<float> numbers = Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(products, Vector256.Create((short)1)));
        Vector256<float> result = Vector256.FusedMultiplyAdd(numbers, scales, Vector256.Load(c));
        Vector256.FusedMultiplyAdd(minimums, sum, result).Store(c);
    }
}
