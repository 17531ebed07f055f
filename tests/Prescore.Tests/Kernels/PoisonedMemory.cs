using Prescore.Memory;

namespace Prescore.Tests.Kernels;

/// <summary>Pooled memory full of NaN and infinities: what the next renter finds where it has not written.</summary>
internal static class PoisonedMemory
{
    /// <summary>Fills memory of the sizes that small tests rent.</summary>
    public static unsafe void Fill()
    {
        var buffers = new List<NativeBuffer>();
        for (nint length = 1024; length <= 1 << 20; length *= 2)
        {
            for (int copy = 0; copy < 8; copy++)
            {
                NativeBuffer buffer = NativeBuffer.Rent(length);
                // Both are seen: of NaN no comparison holds, to an infinity all do.
                buffer.Span.Fill(copy % 2 == 0 ? float.NaN : float.PositiveInfinity);
                buffers.Add(buffer);
            }
        }
        buffers.ForEach(buffer => buffer.Dispose());
        var regions = new List<(nint Memory, long Bytes)>();
        for (long bytes = 256; bytes <= 1 << 17; bytes += bytes < 1 << 14 ? 32 : 1 << 10)
        {
            nint memory = RegionMemory.Rent(bytes);
            // NaN as floats, the largest codes as bytes and words.
            new Span<byte>((void*)memory, (int)bytes).Fill(bytes / 32 % 2 == 0 ? (byte)0xFF : (byte)0x7F);
            regions.Add((memory, bytes));
        }
        regions.ForEach(region => RegionMemory.Return(region.Memory, region.Bytes));
    }
}
