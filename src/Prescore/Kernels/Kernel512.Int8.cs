using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Products with activations of eight bits: products of bytes summed in pairs to 16 bits, two instructions for 64 products. (There is
/// no 512-bit VPDPBUSD in .NET 10, and the 256-bit one is slower than this.)
/// </summary>
internal readonly unsafe partial struct Kernel512 : IInt8KernelPath
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyInt8(sbyte* a, float* factors, byte* b, float* scales, float* minimums, nint blocks, float* c, bool accumulate)
    {
        if (!Avx512BW.IsSupported)
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
            Vector512<byte> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 64), b2 = Vector512.Load(b + 128), b3 = Vector512.Load(b + 192);
            Vector512<sbyte> x = Word(a);
            Vector512<short> s00 = Pairs(b0, x), s01 = Pairs(b1, x), s02 = Pairs(b2, x), s03 = Pairs(b3, x);
            x = Word(a + 4);
            Vector512<short> s10 = Pairs(b0, x), s11 = Pairs(b1, x), s12 = Pairs(b2, x), s13 = Pairs(b3, x);
            x = Word(a + 8);
            Vector512<short> s20 = Pairs(b0, x), s21 = Pairs(b1, x), s22 = Pairs(b2, x), s23 = Pairs(b3, x);
            x = Word(a + 12);
            Vector512<short> s30 = Pairs(b0, x), s31 = Pairs(b1, x), s32 = Pairs(b2, x), s33 = Pairs(b3, x);
            x = Word(a + 16);
            Vector512<short> s40 = Pairs(b0, x), s41 = Pairs(b1, x), s42 = Pairs(b2, x), s43 = Pairs(b3, x);
            x = Word(a + 20);
            Vector512<short> s50 = Pairs(b0, x), s51 = Pairs(b1, x), s52 = Pairs(b2, x), s53 = Pairs(b3, x);
            byte* endWords = b + PanelWidth * Int8Activations.BlockLength;
            for (b += PanelWidth * Int8Activations.WordLength, a += 24; b < endWords; b += PanelWidth * Int8Activations.WordLength, a += 24)
            {
                b0 = Vector512.Load(b);
                b1 = Vector512.Load(b + 64);
                b2 = Vector512.Load(b + 128);
                b3 = Vector512.Load(b + 192);
                x = Word(a);
                s00 += Pairs(b0, x);
                s01 += Pairs(b1, x);
                s02 += Pairs(b2, x);
                s03 += Pairs(b3, x);
                x = Word(a + 4);
                s10 += Pairs(b0, x);
                s11 += Pairs(b1, x);
                s12 += Pairs(b2, x);
                s13 += Pairs(b3, x);
                x = Word(a + 8);
                s20 += Pairs(b0, x);
                s21 += Pairs(b1, x);
                s22 += Pairs(b2, x);
                s23 += Pairs(b3, x);
                x = Word(a + 12);
                s30 += Pairs(b0, x);
                s31 += Pairs(b1, x);
                s32 += Pairs(b2, x);
                s33 += Pairs(b3, x);
                x = Word(a + 16);
                s40 += Pairs(b0, x);
                s41 += Pairs(b1, x);
                s42 += Pairs(b2, x);
                s43 += Pairs(b3, x);
                x = Word(a + 20);
                s50 += Pairs(b0, x);
                s51 += Pairs(b1, x);
                s52 += Pairs(b2, x);
                s53 += Pairs(b3, x);
            }
            AddBlock(s00, s01, s02, s03, scales, minimums, factors, c);
            AddBlock(s10, s11, s12, s13, scales, minimums, factors + 1, c + 1 * PanelWidth);
            AddBlock(s20, s21, s22, s23, scales, minimums, factors + 2, c + 2 * PanelWidth);
            AddBlock(s30, s31, s32, s33, scales, minimums, factors + 3, c + 3 * PanelWidth);
            AddBlock(s40, s41, s42, s43, scales, minimums, factors + 4, c + 4 * PanelWidth);
            AddBlock(s50, s51, s52, s53, scales, minimums, factors + 5, c + 5 * PanelWidth);
            factors += Int8Tiles.Factors;
            scales += PanelWidth;
            minimums += PanelWidth;
        }
    }

    /// <summary>Four numbers of a row, for all columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Word(sbyte* a) => Vector512.Create(*(int*)a).AsSByte();

    /// <summary>Products with neighbouring numbers, in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Pairs(Vector512<byte> b, Vector512<sbyte> x) => Avx512BW.MultiplyAddAdjacent(b, x);

    /// <summary>Adds a block's sums to a row of C.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(
        Vector512<short> s0, Vector512<short> s1, Vector512<short> s2, Vector512<short> s3, float* scales, float* minimums, float* factors, float* c)
    {
        Vector512<float> scale = Vector512.Create(factors[0]), sum = Vector512.Create(factors[Int8Tiles.Sums]);
        AddBlock(s0, Vector512.Load(scales) * scale, Vector512.Load(minimums), sum, c);
        AddBlock(s1, Vector512.Load(scales + 16) * scale, Vector512.Load(minimums + 16), sum, c + 16);
        AddBlock(s2, Vector512.Load(scales + 32) * scale, Vector512.Load(minimums + 32), sum, c + 32);
        AddBlock(s3, Vector512.Load(scales + 48) * scale, Vector512.Load(minimums + 48), sum, c + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(Vector512<short> products, Vector512<float> scales, Vector512<float> minimums, Vector512<float> sum, float* c)
    {
        Vector512<float> numbers = Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(products, Vector512.Create((short)1)));
        Vector512<float> result = Vector512.FusedMultiplyAdd(numbers, scales, Vector512.Load(c));
        Vector512.FusedMultiplyAdd(minimums, sum, result).Store(c);
    }
}
