using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Prescore.Attention.Core;

/// <summary>Arrays of numbers in a cache's file, little-endian. Nothing is allocated for what a file does not hold.</summary>
/// <param name="stream">Where they are; for reading one that knows its length.</param>
internal sealed class CacheStream(Stream stream)
{
    /// <summary>Writes numbers.</summary>
    public void Write<T>(params ReadOnlySpan<T> values)
        where T : unmanaged => stream.Write(MemoryMarshal.AsBytes(values));

    /// <summary>Reads as many numbers as there should be.</summary>
    /// <exception cref="EndOfStreamException">There are fewer.</exception>
    public T[] Read<T>(long count)
        where T : unmanaged
    {
        if (count * Unsafe.SizeOf<T>() > stream.Length - stream.Position)
        {
            throw new EndOfStreamException();
        }
        T[] values = GC.AllocateUninitializedArray<T>(checked((int)count));
        stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Reads finite numbers.</summary>
    /// <exception cref="EndOfStreamException">There are fewer.</exception>
    /// <exception cref="InvalidDataException">One is not finite.</exception>
    public float[] ReadFinite(long count)
    {
        float[] values = Read<float>(count);
        Require(values.Length == 0 || TensorPrimitives.IsFiniteAll<float>(values), "a number is not finite");
        return values;
    }

    /// <summary>Reads a whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    /// <exception cref="InvalidDataException">It is another.</exception>
    public int ReadCount(string name, int least, int most)
    {
        int count = Read<int>(1)[0];
        Require(count >= least && count <= most, $"{name} is {count}, not {least} to {most}");
        return count;
    }

    /// <summary>Refuses content that no cache has written.</summary>
    /// <exception cref="InvalidDataException"><paramref name="condition"/> does not hold.</exception>
    public static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidDataException(problem);
        }
    }
}
