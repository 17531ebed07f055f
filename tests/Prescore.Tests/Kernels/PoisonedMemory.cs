using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

/// <summary>Pooled memory full of NaN and infinities: what the next renter finds where it has not written.</summary>
internal static class PoisonedMemory
{
    /// <summary>Fills memory of the sizes that regions, sketches and buffers of small tests rent.</summary>
    public static void Fill(
        SimdPath path, int dimension, int valueDimension, KeyValueStorage storage, bool weighted, int rank = 8, float infinity = float.PositiveInfinity)
    {
        var held = new List<IDisposable>();
        foreach ((KeyValueStorage kind, bool bias, KeyOrder order) in new[]
        {
            (storage, weighted, KeyOrder.Rows), (storage, weighted, KeyOrder.Panels), (KeyValueStorage.Fp32, false, KeyOrder.Panels),
        })
        {
            // Padded to whole vectors: the padding is poisoned as well.
            int d = order == KeyOrder.Rows ? (dimension + 15) / 16 * 16 : dimension;
            int panel = path == SimdPath.Scalar ? 8 : path == SimdPath.Vector256 ? 16 : 64;
            int dv = (valueDimension + panel - 1) / panel * panel;
            float[] key = [.. Enumerable.Repeat(float.NaN, d)], value = [.. Enumerable.Repeat(float.NaN, dv)];
            for (int capacity = 8; capacity <= 320; capacity += 8)
            {
                for (int copy = 0; copy < (capacity <= 128 ? 12 : 2); copy++)
                {
                    KeyRegion region = KeyRegion.Create(path, d, dv, kind, bias, order);
                    region.Reserve(capacity);
                    while (region.Count < region.Capacity)
                    {
                        region.Append(key, value, float.NaN);
                    }
                    held.Add(region);
                }
            }
        }
        for (int capacity = 16; capacity <= 320; capacity += 16)
        {
            for (int copy = 0; copy < 12; copy++)
            {
                var sketches = new KeySketches(rank);
                sketches.Reserve(capacity);
                // The largest codes: they would be the best keys of all.
                sketches.Span.Fill(0xFF);
                held.Add(sketches);
            }
        }
        for (nint length = 1024; length <= 1 << 17; length *= 2)
        {
            for (int copy = 0; copy < 8; copy++)
            {
                NativeBuffer buffer = NativeBuffer.Rent(length);
                // Both are seen: of NaN no comparison holds, to an infinity all do.
                buffer.Span.Fill(copy % 2 == 0 ? float.NaN : infinity);
                held.Add(buffer);
            }
        }
        held.ForEach(memory => memory.Dispose());
    }
}
