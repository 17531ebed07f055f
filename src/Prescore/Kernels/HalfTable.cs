using System.Runtime.InteropServices;

namespace Prescore.Kernels;

/// <summary>
/// All 16-bit floats widened. A block's scale is one load: there is no conversion instruction to be had in .NET 10, and the
/// scales of a model are so alike that few of the table's lines are touched.
/// </summary>
internal static unsafe class HalfTable
{
    /// <summary>65,536 floats by bit pattern.</summary>
    public static float* Values { get; } = Fill();

    private static float* Fill()
    {
        const int Patterns = 1 << 16;
        var table = (float*)NativeMemory.AlignedAlloc(Patterns * sizeof(float), 64);
        for (int bits = 0; bits < Patterns; bits++)
        {
            table[bits] = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
        }
        return table;
    }
}
