using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Clustered attention.</summary>
internal readonly unsafe partial struct Kernel256 : IClusteredKernelPath
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int ScreenTile(
        byte* tile, int pairs, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products)
    {
        if (!Avx2.IsSupported)
        {
            return KernelScalar.ScreenTile(tile, pairs, candidates, count, queries, lists, listStride, counts, products);
        }
        var codes = (sbyte*)tile;
        var offsets = (short*)(tile + SketchTile.OffsetsAt(2 * pairs));
        var numbers = (ushort*)(tile + SketchTile.NumbersAt(2 * pairs));
        short* sums = stackalloc short[SketchTile.Keys];
        int all = 0;
        for (int i = 0; i < count; i++)
        {
            nint row = (nint)((uint)candidates[i] >> 16);
            var query = (int*)(queries + row * (4 * pairs));
            Vector256<short> low = Vector256.Load(offsets), high = Vector256.Load(offsets + 16);
            for (int pair = 0; pair < pairs; pair++)
            {
                Vector256<byte> levels = Vector256.Create(query[pair]).AsByte();
                low += Avx2.MultiplyAddAdjacent(levels, Vector256.Load(codes + pair * SketchTile.PairBytes));
                high += Avx2.MultiplyAddAdjacent(levels, Vector256.Load(codes + pair * SketchTile.PairBytes + 32));
            }
            Vector256<short> least = Vector256.Create(*(short*)(candidates + i));
            // Words to bytes within 128-bit lanes; the permutation puts these in order.
            Vector256<long> hits = Avx2.PackSignedSaturate(Vector256.GreaterThanOrEqual(low, least), Vector256.GreaterThanOrEqual(high, least)).AsInt64();
            uint bits = Avx2.Permute4x64(hits, 0xD8).AsByte().ExtractMostSignificantBits();
            if (bits == 0)
            {
                continue;
            }
            low.Store(sums);
            high.Store(sums + 16);
            nint at = row * listStride + counts[row];
            int found = BitOperations.PopCount(bits);
            for (; bits != 0; bits &= bits - 1, at++)
            {
                int lane = BitOperations.TrailingZeroCount(bits);
                lists[at] = numbers[lane];
                if (products != null)
                {
                    products[at] = sums[lane];
                }
            }
            counts[row] += found;
            all += found;
        }
        return all;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SelectedLogits(
        ushort* list, int count, short* query, nint stride, float step, float maximum, short* keys, float* scales, float* logits, float* sums)
    {
        if (!Avx2.IsSupported)
        {
            return KernelScalar.SelectedLogits(list, count, query, stride, step, maximum, keys, scales, logits, sums);
        }
        float running = 0, largest = float.NegativeInfinity;
        for (int i = 0; i < count; i++)
        {
            short* key = keys + list[i] * stride;
            Vector256<int> even = default, odd = default;
            for (nint c = 0; c < stride; c += 32)
            {
                even += Avx2.MultiplyAddAdjacent(Vector256.Load(query + c), Vector256.Load(key + c));
                odd += Avx2.MultiplyAddAdjacent(Vector256.Load(query + c + 16), Vector256.Load(key + c + 16));
            }
            float logit = MathF.FusedMultiplyAdd(Vector256.Sum(even + odd), scales[2 * i] * step, -maximum);
            logits[i] = logit;
            sums[i + 1] = running += logit;
            largest = MathF.Max(largest, logit);
        }
        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddSelected(ushort* list, int count, float* weights, short* values, nint stride, float* output)
    {
        if (!Avx2.IsSupported)
        {
            KernelScalar.AddSelected(list, count, weights, values, stride, output);
            return;
        }
        for (nint column = 0; column < stride; column += 32)
        {
            float* to = output + column;
            Vector256<float> y0 = Vector256.Load(to), y1 = Vector256.Load(to + 8), y2 = Vector256.Load(to + 16), y3 = Vector256.Load(to + 24);
            for (int i = 0; i < count; i++)
            {
                short* value = values + list[i] * stride + column;
                Vector256<float> weight = Vector256.Create(weights[i]);
                y0 = Vector256.FusedMultiplyAdd(weight, Widen(value), y0);
                y1 = Vector256.FusedMultiplyAdd(weight, Widen(value + 8), y1);
                y2 = Vector256.FusedMultiplyAdd(weight, Widen(value + 16), y2);
                y3 = Vector256.FusedMultiplyAdd(weight, Widen(value + 24), y3);
            }
            y0.Store(to);
            y1.Store(to + 8);
            y2.Store(to + 16);
            y3.Store(to + 24);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(short* codes) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(Vector128.Load(codes)));
}
