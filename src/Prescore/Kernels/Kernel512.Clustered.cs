using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Clustered attention.</summary>
internal readonly unsafe partial struct Kernel512 : IClusteredKernelPath
{
    public static int ScreenTile(
        byte* tile, int pairs, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products)
    {
        if (!Avx512BW.IsSupported)
        {
            return Kernel256.ScreenTile(tile, pairs, candidates, count, queries, lists, listStride, counts, products);
        }
        return pairs == 16
            ? ScreenSixteenPairs(tile, candidates, count, queries, lists, listStride, counts, products)
            : ScreenPairs(tile, pairs, candidates, count, queries, lists, listStride, counts, products);
    }

    public static float SelectedLogits(
        ushort* list, int count, short* query, nint stride, float step, float maximum, short* keys, float* scales, float* logits, float* sums)
    {
        if (!Avx512BW.IsSupported)
        {
            return Kernel256.SelectedLogits(list, count, query, stride, step, maximum, keys, scales, logits, sums);
        }
        return stride == 64
            ? LogitsOf64(list, count, query, step, maximum, keys, scales, logits, sums)
            : LogitsOf(list, count, query, stride, step, maximum, keys, scales, logits, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSelected(ushort* list, int count, float* weights, short* values, nint stride, float* output)
    {
        nint column = 0;
        for (; column + 64 <= stride; column += 64)
        {
            float* to = output + column;
            Vector512<float> a0 = Vector512.Load(to), a1 = Vector512.Load(to + 16), a2 = Vector512.Load(to + 32), a3 = Vector512.Load(to + 48);
            Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default;
            for (int i = 0; i < count; i += 2)
            {
                short* v = values + list[i] * stride + column, u = values + list[i + 1] * stride + column;
                Vector512<float> wv = Vector512.Create(weights[i]), wu = Vector512.Create(weights[i + 1]);
                a0 = Vector512.FusedMultiplyAdd(wv, Widen(v), a0);
                a1 = Vector512.FusedMultiplyAdd(wv, Widen(v + 16), a1);
                a2 = Vector512.FusedMultiplyAdd(wv, Widen(v + 32), a2);
                a3 = Vector512.FusedMultiplyAdd(wv, Widen(v + 48), a3);
                b0 = Vector512.FusedMultiplyAdd(wu, Widen(u), b0);
                b1 = Vector512.FusedMultiplyAdd(wu, Widen(u + 16), b1);
                b2 = Vector512.FusedMultiplyAdd(wu, Widen(u + 32), b2);
                b3 = Vector512.FusedMultiplyAdd(wu, Widen(u + 48), b3);
            }
            (a0 + b0).Store(to);
            (a1 + b1).Store(to + 16);
            (a2 + b2).Store(to + 32);
            (a3 + b3).Store(to + 48);
        }
        for (; column < stride; column += 32)
        {
            Vector512<float> a0 = Vector512.Load(output + column), a1 = Vector512.Load(output + column + 16);
            for (int i = 0; i < count; i++)
            {
                short* v = values + list[i] * stride + column;
                Vector512<float> w = Vector512.Create(weights[i]);
                a0 = Vector512.FusedMultiplyAdd(w, Widen(v), a0);
                a1 = Vector512.FusedMultiplyAdd(w, Widen(v + 16), a1);
            }
            a0.Store(output + column);
            a1.Store(output + column + 16);
        }
    }

    /// <summary>Rank 32: the tile stays in registers while all rows pass.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenSixteenPairs(
        byte* tile, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products)
    {
        var c = (sbyte*)tile;
        Vector512<sbyte> k0 = Vector512.Load(c), k1 = Vector512.Load(c + 64), k2 = Vector512.Load(c + 128), k3 = Vector512.Load(c + 192);
        Vector512<sbyte> k4 = Vector512.Load(c + 256), k5 = Vector512.Load(c + 320), k6 = Vector512.Load(c + 384), k7 = Vector512.Load(c + 448);
        Vector512<sbyte> k8 = Vector512.Load(c + 512), k9 = Vector512.Load(c + 576), k10 = Vector512.Load(c + 640), k11 = Vector512.Load(c + 704);
        Vector512<sbyte> k12 = Vector512.Load(c + 768), k13 = Vector512.Load(c + 832), k14 = Vector512.Load(c + 896), k15 = Vector512.Load(c + 960);
        Vector512<short> offsets = Vector512.Load((short*)(tile + SketchTile.OffsetsAt(32)));
        Vector512<ushort> numbers = Vector512.Load((ushort*)(tile + SketchTile.NumbersAt(32)));
        int all = 0;
        int* end = candidates + count;
        for (int* at = candidates; at < end; at++)
        {
            nint row = (nint)((uint)*at >> 16);
            var q = (int*)(queries + row * 64);
            Vector512<short> s0 = offsets + Pair(q[0], k0), s1 = Pair(q[1], k1), s2 = Pair(q[2], k2), s3 = Pair(q[3], k3);
            s0 += Pair(q[4], k4);
            s1 += Pair(q[5], k5);
            s2 += Pair(q[6], k6);
            s3 += Pair(q[7], k7);
            s0 += Pair(q[8], k8);
            s1 += Pair(q[9], k9);
            s2 += Pair(q[10], k10);
            s3 += Pair(q[11], k11);
            s0 += Pair(q[12], k12);
            s1 += Pair(q[13], k13);
            s2 += Pair(q[14], k14);
            s3 += Pair(q[15], k15);
            all += AppendHits((s0 + s1) + (s2 + s3), *(short*)at, numbers, lists + row * listStride, products == null ? null : products + row * listStride, counts + row);
        }
        return all;
    }

    /// <summary>Any rank.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenPairs(
        byte* tile, int pairs, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products)
    {
        var codes = (sbyte*)tile;
        Vector512<short> offsets = Vector512.Load((short*)(tile + SketchTile.OffsetsAt(2 * pairs)));
        Vector512<ushort> numbers = Vector512.Load((ushort*)(tile + SketchTile.NumbersAt(2 * pairs)));
        int all = 0;
        for (int i = 0; i < count; i++)
        {
            nint row = (nint)((uint)candidates[i] >> 16);
            var query = (int*)(queries + row * (4 * pairs));
            Vector512<short> even = offsets, odd = default;
            for (int pair = 0; pair < pairs; pair += 2)
            {
                even += Pair(query[pair], Vector512.Load(codes + pair * SketchTile.PairBytes));
                odd += Pair(query[pair + 1], Vector512.Load(codes + (pair + 1) * SketchTile.PairBytes));
            }
            all += AppendHits(even + odd, *(short*)(candidates + i), numbers, lists + row * listStride, products == null ? null : products + row * listStride, counts + row);
        }
        return all;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Pair(int query, Vector512<sbyte> keys) => Avx512BW.MultiplyAddAdjacent(Vector512.Create(query).AsByte(), keys);

    /// <summary>
    /// Appends the keys with products of at least the least, without a branch where words can be compressed. Compared
    /// twice: from one comparison the compiler makes a vector and two masks of it again.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int AppendHits(Vector512<short> sums, short leastProduct, Vector512<ushort> numbers, ushort* list, short* products, int* length)
    {
        Vector512<short> least = Vector512.Create(leastProduct);
        int n = *length;
        ulong hits = Vector512.LessThanOrEqual(least, sums).ExtractMostSignificantBits();
        int found = BitOperations.PopCount(hits);
        if (Avx512Vbmi2.IsSupported)
        {
            Avx512Vbmi2.Compress(Vector512<ushort>.Zero, Vector512.GreaterThanOrEqual(sums, least).AsUInt16(), numbers).Store(list + n);
            if (products != null)
            {
                Avx512Vbmi2.Compress(Vector512<short>.Zero, Vector512.GreaterThanOrEqual(sums, least), sums).Store(products + n);
            }
        }
        else
        {
            for (ulong left = hits; left != 0; left &= left - 1, n++)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                list[n] = numbers[lane];
                if (products != null)
                {
                    products[n] = sums[lane];
                }
            }
            n -= found;
        }
        *length = n + found;
        return found;
    }

    /// <summary>Keys of 64 codes: the query stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float LogitsOf64(
        ushort* list, int count, short* query, float step, float maximum, short* keys, float* scales, float* logits, float* sums)
    {
        Vector512<short> q0 = Vector512.Load(query), q1 = Vector512.Load(query + 32);
        Vector512<float> carry = default, largest = Vector512.Create(float.NegativeInfinity);
        for (int i = 0; i < count; i += 16)
        {
            ushort* l = list + i;
            Vector512<int> v0 = Eights(
                Fours(Dot(keys + (nint)l[0] * 64, q0, q1), Dot(keys + (nint)l[1] * 64, q0, q1), Dot(keys + (nint)l[2] * 64, q0, q1), Dot(keys + (nint)l[3] * 64, q0, q1)),
                Fours(Dot(keys + (nint)l[4] * 64, q0, q1), Dot(keys + (nint)l[5] * 64, q0, q1), Dot(keys + (nint)l[6] * 64, q0, q1), Dot(keys + (nint)l[7] * 64, q0, q1)));
            Vector512<int> v1 = Eights(
                Fours(Dot(keys + (nint)l[8] * 64, q0, q1), Dot(keys + (nint)l[9] * 64, q0, q1), Dot(keys + (nint)l[10] * 64, q0, q1), Dot(keys + (nint)l[11] * 64, q0, q1)),
                Fours(Dot(keys + (nint)l[12] * 64, q0, q1), Dot(keys + (nint)l[13] * 64, q0, q1), Dot(keys + (nint)l[14] * 64, q0, q1), Dot(keys + (nint)l[15] * 64, q0, q1)));
            Vector512<int> dots = Avx512F.Shuffle4x128(v0, v1, 0x88) + Avx512F.Shuffle4x128(v0, v1, 0xDD);
            carry = StoreLogits(dots, scales + 2 * i, step, maximum, logits + i, sums + i + 1, carry, count - i, ref largest);
        }
        return Largest(largest);
    }

    /// <summary>Any length of keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float LogitsOf(
        ushort* list, int count, short* query, nint stride, float step, float maximum, short* keys, float* scales, float* logits, float* sums)
    {
        Vector512<float> carry = default, largest = Vector512.Create(float.NegativeInfinity);
        int* dots = stackalloc int[16];
        for (int i = 0; i < count; i += 16)
        {
            for (int k = 0; k < 16; k += 4)
            {
                short* k0 = keys + list[i + k] * stride, k1 = keys + list[i + k + 1] * stride;
                short* k2 = keys + list[i + k + 2] * stride, k3 = keys + list[i + k + 3] * stride;
                Vector512<int> s0 = default, s1 = default, s2 = default, s3 = default;
                for (nint c = 0; c < stride; c += 32)
                {
                    Vector512<short> q = Vector512.Load(query + c);
                    s0 += Avx512BW.MultiplyAddAdjacent(q, Vector512.Load(k0 + c));
                    s1 += Avx512BW.MultiplyAddAdjacent(q, Vector512.Load(k1 + c));
                    s2 += Avx512BW.MultiplyAddAdjacent(q, Vector512.Load(k2 + c));
                    s3 += Avx512BW.MultiplyAddAdjacent(q, Vector512.Load(k3 + c));
                }
                Vector512<int> four = Fours(s0, s1, s2, s3);
                Vector256<int> half = four.GetLower() + four.GetUpper();
                (half.GetLower() + half.GetUpper()).Store(dots + k);
            }
            carry = StoreLogits(Vector512.Load(dots), scales + 2 * i, step, maximum, logits + i, sums + i + 1, carry, count - i, ref largest);
        }
        return Largest(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Dot(short* key, Vector512<short> q0, Vector512<short> q1) =>
        Avx512BW.MultiplyAddAdjacent(q0, Vector512.Load(key)) + Avx512BW.MultiplyAddAdjacent(q1, Vector512.Load(key + 32));

    /// <summary>In every 128 bits the sums of four vectors'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Fours(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d)
    {
        Vector512<long> ab = (Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b)).AsInt64();
        Vector512<long> cd = (Avx512F.UnpackLow(c, d) + Avx512F.UnpackHigh(c, d)).AsInt64();
        return Avx512F.UnpackLow(ab, cd).AsInt32() + Avx512F.UnpackHigh(ab, cd).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Eights(Vector512<int> a, Vector512<int> b) => Avx512F.Shuffle4x128(a, b, 0x44) + Avx512F.Shuffle4x128(a, b, 0xEE);

    /// <summary>Stores sixteen logits and their running sums, and returns the last of these in all lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> StoreLogits(
        Vector512<int> dots, float* scales, float step, float maximum, float* logits, float* sums, Vector512<float> carry, int present, ref Vector512<float> largest)
    {
        Vector512<int> even = Vector512<int>.Indices * 2;
        Vector512<float> scale = Avx512F.PermuteVar16x32x2(Vector512.Load(scales), even, Vector512.Load(scales + 16));
        Vector512<float> x = Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(dots), scale * step, Vector512.Create(-maximum));
        x.Store(logits);
        largest = Vector512.MaxNative(largest, Vector512.ConditionalSelect(Present(present), x, Vector512.Create(float.NegativeInfinity)));
        x += Avx512F.AlignRight32(x.AsInt32(), Vector512<int>.Zero, 15).AsSingle();
        x += Avx512F.AlignRight32(x.AsInt32(), Vector512<int>.Zero, 14).AsSingle();
        x += Avx512F.AlignRight32(x.AsInt32(), Vector512<int>.Zero, 12).AsSingle();
        x += Avx512F.AlignRight32(x.AsInt32(), Vector512<int>.Zero, 8).AsSingle();
        x += carry;
        x.Store(sums);
        return Avx512F.PermuteVar16x32(x, Vector512.Create(15));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Widen(short* codes) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector256.Load(codes)));
}
