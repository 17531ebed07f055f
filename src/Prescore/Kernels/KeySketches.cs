using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// Short integer sketches of the keys of one cluster, in the layout that <see cref="IKernelPath.Screen"/> reads: groups
/// of <see cref="GroupKeys"/> keys, a group is [rank/4 quads][keys][4 bytes]. A vector then holds four coordinates of
/// every key of a group, so that screening needs no sums across lanes. Not safe for concurrent writes.
/// </summary>
/// <param name="rank">Coordinates of a sketch; a positive multiple of 4, at most <see cref="LargestRank"/>.</param>
internal sealed unsafe class KeySketches(int rank) : IDisposable
{
    /// <summary>Largest absolute value of a coordinate: 5 bits.</summary>
    public const int LargestCode = 15;

    /// <summary>What is added to a coordinate to store it: the multiply-add of bytes takes one unsigned operand.</summary>
    public const int Offset = 16;

    /// <summary>Keys of a group: the 32-bit lanes of the widest vector.</summary>
    public const int GroupKeys = 16;

    /// <summary>Longest sketch: beyond it a query has too few levels left, see <see cref="QueryLevels"/>.</summary>
    public const int LargestRank = 64;

    /// <summary>Bytes of a quad of a group: the widest vector.</summary>
    public const int QuadBytes = GroupKeys * 4;

    /// <summary>
    /// Part of the longest sketch's norm that a key is taken to reach along a query. In 32 dimensions a key has twice the
    /// deviation of any one direction there. Relative to the longest, not to the mean: a cluster with an outlier is looked
    /// into from further away.
    /// </summary>
    private const float Alignment = 0.375f;

    private nint _memory;

    ~KeySketches() => Free();

    /// <summary>Coordinates of a sketch.</summary>
    public int Rank { get; } = CheckRank(rank);

    /// <summary>Quads of coordinates.</summary>
    public int Quads => Rank / 4;

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>Number of keys, rounded up to whole groups.</summary>
    public int PaddedCount => (Count + GroupKeys - 1) / GroupKeys * GroupKeys;

    /// <summary>Keys there is room for; whole groups.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => (long)Capacity * Rank;

    /// <summary>Largest sum of squared coordinates of a key.</summary>
    public int SquaredRadius { get; private set; }

    /// <summary>What a query's product with a key is taken to reach, for a query of norm 1.</summary>
    public float Reach { get; private set; }

    /// <summary>First group, aligned to a cache line; null where there is no room. Lanes beyond the last key are arbitrary.</summary>
    public byte* Codes => (byte*)_memory;

    /// <summary>All bytes held, unused lanes too; they must be fewer than 2^31.</summary>
    public Span<byte> Span => new(Codes, checked((int)Bytes));

    /// <summary>Largest absolute value of a query coordinate for which no 16-bit partial sum of <see cref="IKernelPath.Screen"/> overflows.</summary>
    public static int QueryLevels(int rank) =>
        Math.Min(sbyte.MaxValue, short.MaxValue / (2 * (LargestCode + Offset) * (CheckRank(rank) / 4)));

    /// <summary>Forgets all keys; keeps the memory.</summary>
    public void Clear()
    {
        Count = 0;
        SquaredRadius = 0;
        Reach = 0;
    }

    /// <summary>Makes room for <paramref name="count"/> keys.</summary>
    public void Reserve(int count)
    {
        if (count <= Capacity)
        {
            return;
        }
        int capacity = checked(count + GroupKeys - 1) / GroupKeys * GroupKeys;
        nint memory = RegionMemory.Rent((long)capacity * Rank);
        // Whole groups: the keys of the last one lie scattered over it.
        long used = (long)PaddedCount * Rank;
        Buffer.MemoryCopy(Codes, (void*)memory, used, used);
        Free();
        _memory = memory;
        Capacity = capacity;
    }

    /// <summary>Appends the sketch of a key.</summary>
    /// <param name="code">One number a coordinate, −<see cref="LargestCode"/> … <see cref="LargestCode"/>.</param>
    public void Append(ReadOnlySpan<sbyte> code)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(code.Length, Rank);
        if (code.ContainsAnyExceptInRange((sbyte)-LargestCode, (sbyte)LargestCode))
        {
            throw new ArgumentOutOfRangeException(nameof(code), $"a code is -{LargestCode} … {LargestCode}");
        }
        if (Count == Capacity)
        {
            Reserve(checked(Count + Count / 4 + 16));
        }
        byte* to = Codes + (nint)(Count / GroupKeys) * GroupKeys * Rank + Count % GroupKeys * 4;
        Vector128<int> squares = default;
        foreach (int quad in MemoryMarshal.Cast<sbyte, int>(code))
        {
            // Adding to bytes must not carry into the next: the sign bits go another way.
            *(int*)to = ((quad & 0x7f7f7f7f) + Offset * 0x01010101) ^ (quad & unchecked((int)0x80808080));
            to += QuadBytes;
            Vector128<int> coordinates = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(quad).AsSByte()));
            squares += coordinates * coordinates;
        }
        Count++;
        Include(Vector128.Sum(squares));
    }

    /// <summary>
    /// Appends the sketches of many keys at once: code = coordinate − anchor, rounded half to even and clamped; what is not
    /// a number becomes 0. The count held is a whole number of groups.
    /// </summary>
    /// <param name="coordinates">Coordinates [rank, stride], a column a key, readable up to whole groups.</param>
    /// <param name="stride">Distance of the rows, a multiple of <see cref="GroupKeys"/>.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="anchor">What the coordinates are relative to [rank].</param>
    public void AppendColumns(ReadOnlySpan<float> coordinates, int stride, int count, ReadOnlySpan<float> anchor)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(Count % GroupKeys, 0, nameof(Count));
        ArgumentOutOfRangeException.ThrowIfNotEqual(anchor.Length, Rank);
        ArgumentOutOfRangeException.ThrowIfLessThan(coordinates.Length, (Rank - 1) * stride + (count + GroupKeys - 1) / GroupKeys * GroupKeys);
        Reserve(checked(Count + count));
        Span<int> squares = stackalloc int[GroupKeys];
        fixed (float* from = coordinates)
        {
            for (int key = 0; key < count; key += GroupKeys)
            {
                Vector512<int> norms = EncodeGroup(from + key, stride, anchor, Codes + (nint)(Count + key) * Rank);
                norms.CopyTo(squares);
                foreach (int squared in squares[..Math.Min(GroupKeys, count - key)])
                {
                    Include(squared);
                }
            }
        }
        Count += count;
    }

    /// <summary>
    /// <see cref="IKernelPath.Screen"/> of all keys with checked arguments. The products are those of the stored bytes:
    /// they exceed the products of the codes by <see cref="Offset"/> times the sum of the query's coordinates.
    /// </summary>
    /// <param name="path">Which kernels to use; all give the same.</param>
    /// <param name="query">One number a coordinate, −<see cref="QueryLevels"/> … <see cref="QueryLevels"/>.</param>
    /// <param name="threshold">Smallest product to report.</param>
    /// <param name="indices">Receives the keys found in ascending order; room for <see cref="PaddedCount"/>.</param>
    /// <param name="dots">Receives their products; the same room.</param>
    /// <returns>How many keys were found.</returns>
    public int Screen(SimdPath path, ReadOnlySpan<sbyte> query, int threshold, Span<int> indices, Span<int> dots)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(query.Length, Rank);
        ArgumentOutOfRangeException.ThrowIfLessThan(indices.Length, PaddedCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(dots.Length, PaddedCount);
        int levels = QueryLevels(Rank);
        foreach (sbyte coordinate in query)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(coordinate, -levels, nameof(query));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(coordinate, levels, nameof(query));
        }
        int found;
        fixed (sbyte* coordinates = query)
        fixed (int* keys = indices, products = dots)
        {
            var quads = (int*)coordinates;
            found = path switch
            {
                SimdPath.Vector512 => Kernel512.Screen(Codes, Count, Quads, quads, threshold, keys, products),
                SimdPath.Vector256 => Kernel256.Screen(Codes, Count, Quads, quads, threshold, keys, products),
                _ => KernelScalar.Screen(Codes, Count, Quads, quads, threshold, keys, products),
            };
        }
        // The kernels hold a bare pointer.
        GC.KeepAlive(this);
        return found;
    }

    public void Dispose()
    {
        Clear();
        Free();
        GC.SuppressFinalize(this);
    }

    private static int CheckRank(int rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rank, LargestRank);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rank % 4, 0, nameof(rank));
        return rank;
    }

    /// <summary>Codes of one group of keys; returns the squared norms.</summary>
    private Vector512<int> EncodeGroup(float* coordinates, int stride, ReadOnlySpan<float> anchor, byte* codes)
    {
        Vector512<float> largest = Vector512.Create((float)LargestCode);
        Vector512<int> norms = default;
        for (int quad = 0; quad < Quads; quad++, codes += QuadBytes)
        {
            Vector512<int> bytes = default;
            for (int i = 0; i < 4; i++)
            {
                int c = 4 * quad + i;
                Vector512<float> relative = Vector512.Load(coordinates + (nint)c * stride) - Vector512.Create(anchor[c]);
                relative = Vector512.ConditionalSelect(Vector512.Equals(relative, relative), relative, Vector512<float>.Zero);
                relative = Vector512.Min(Vector512.Max(Vector512.Round(relative), -largest), largest);
                Vector512<int> code = Vector512.ConvertToInt32(relative);
                norms += code * code;
                bytes |= (code + Vector512.Create(Offset)) << (8 * i);
            }
            bytes.AsByte().Store(codes);
        }
        return norms;
    }

    private void Include(int squares)
    {
        if (squares > SquaredRadius)
        {
            SquaredRadius = squares;
            Reach = Alignment * MathF.Sqrt(squares);
        }
    }

    private void Free()
    {
        RegionMemory.Return(Interlocked.Exchange(ref _memory, 0), Bytes);
        Capacity = 0;
    }
}
