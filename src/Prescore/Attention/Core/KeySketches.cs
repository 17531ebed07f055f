using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Attention.Core;

/// <summary>
/// Short integer sketches of the keys of one cluster, in the layout that <see cref="IKernelPath.Screen"/> reads: groups
/// of <see cref="GroupKeys"/> keys, a group is [rank/4 quads][keys][4 bytes]. A vector then holds four coordinates of
/// every key of a group, so that screening needs no sums across lanes. <see cref="Sort"/> puts the longest sketches into
/// the first groups: most queries need look no further. Not safe for concurrent writes.
/// </summary>
/// <param name="rank">Coordinates of a sketch; a positive multiple of 4, at most <see cref="LargestRank"/>.</param>
internal sealed unsafe class KeySketches(int rank) : IDisposable
{
    /// <summary>Largest absolute value of a coordinate: 5 bits.</summary>
    public const int LargestCode = 15;

    /// <summary>What is added to a coordinate to store it: the multiply-add of bytes takes one unsigned operand.</summary>
    public const int Offset = 16;

    /// <summary>Keys of a group: the 32-bit lanes of the widest vector.</summary>
    public const int GroupKeys = SketchLayout.GroupKeys;

    /// <summary>Longest sketch: beyond it a query has too few levels left, see <see cref="QueryLevels"/>.</summary>
    public const int LargestRank = 64;

    /// <summary>Bytes of a quad of a group: the widest vector.</summary>
    public const int QuadBytes = SketchLayout.QuadBytes;

    /// <summary>Buckets of the sort by length, each of 3 to 6 % of length.</summary>
    private const int Buckets = 64;

    /// <summary>Bits of a float that a bucket's number leaves out: 3 bits of the mantissa stay.</summary>
    private const int BucketShift = 20;

    /// <summary>Groups whose radii lie together: the lanes of a vector.</summary>
    private const int RadiusLanes = 16;

    private nint _memory;

    // [16 groups][bands][16]: largest squared norms of a group's sketches and all later ones.
    private float[] _radii = [];

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
        Array.Clear(_radii);
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
        byte* to = Codes + PlaceBytes(Count);
        Span<int> squares = stackalloc int[SketchReach.Bands];
        squares.Clear();
        int band = 0;
        foreach (int quad in MemoryMarshal.Cast<sbyte, int>(code))
        {
            // Adding to bytes must not carry into the next: the sign bits go another way.
            *(int*)to = ((quad & 0x7f7f7f7f) + Offset * 0x01010101) ^ (quad & unchecked((int)0x80808080));
            to += QuadBytes;
            Vector128<int> coordinates = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(quad).AsSByte()));
            squares[SketchReach.BandOf(band++)] += Vector128.Sum(coordinates * coordinates);
        }
        ReserveRadii(Count + 1);
        Include(Count / GroupKeys, squares);
        Count++;
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
        ReserveRadii(Count + count);
        fixed (float* from = coordinates)
        {
            for (int key = 0; key < count; key += GroupKeys)
            {
                EncodeGroup(from + key, stride, anchor, Codes + (nint)(Count + key) * Rank);
            }
        }
        int first = Count;
        Count += count;
        IncludeGroups(first / GroupKeys);
    }

    /// <summary>
    /// Sorts the sketches by length, longest first. Those that differ by a few percent, and all of less than a fifteenth of
    /// the longest's length, keep their order.
    /// </summary>
    /// <param name="weights">What a squared coordinate counts [rank], not negative.</param>
    /// <param name="order">Receives where each place's sketch was before [count].</param>
    public void Sort(ReadOnlySpan<float> weights, Span<int> order)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(order.Length, Count);
        if (Count == 0)
        {
            return;
        }
        float[] norms = ArrayPool<float>.Shared.Rent(Count);
        SquaredNorms(weights, norms);
        Order(norms.AsSpan(0, Count), order);
        ArrayPool<float>.Shared.Return(norms);
        nint sorted = RegionMemory.Rent(Bytes);
        for (int place = 0; place < order.Length; place++)
        {
            var from = (int*)(Codes + PlaceBytes(order[place]));
            var to = (int*)((byte*)sorted + PlaceBytes(place));
            for (int quad = 0; quad < Quads; quad++)
            {
                to[quad * GroupKeys] = from[quad * GroupKeys];
            }
        }
        RegionMemory.Return(Interlocked.Exchange(ref _memory, sorted), Bytes);
        Array.Clear(_radii);
        IncludeGroups(0);
    }

    /// <summary>Σ weight · coordinate² of every key.</summary>
    /// <param name="weights">What a squared coordinate counts [rank].</param>
    /// <param name="norms">Receives a number a key.</param>
    public void SquaredNorms(ReadOnlySpan<float> weights, Span<float> norms)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Length, Rank);
        ArgumentOutOfRangeException.ThrowIfLessThan(norms.Length, Count);
        Span<float> lanes = stackalloc float[GroupKeys];
        for (int first = 0; first < Count; first += GroupKeys)
        {
            byte* codes = Codes + (nint)first * Rank;
            Vector512<float> sum = default;
            for (int quad = 0; quad < Quads; quad++, codes += QuadBytes)
            {
                for (int i = 0; i < 4; i++)
                {
                    Vector512<float> coordinate = Vector512.ConvertToSingle(Coordinates(codes, i));
                    sum = Vector512.FusedMultiplyAdd(coordinate * coordinate, Vector512.Create(weights[4 * quad + i]), sum);
                }
            }
            sum.CopyTo(lanes);
            lanes[..Math.Min(GroupKeys, Count - first)].CopyTo(norms[first..]);
        }
    }

    /// <summary>
    /// How many sketches, from the first one on, have to be compared to find those with a product of at least
    /// <paramref name="least"/> that are within a query's reach.
    /// </summary>
    public int Within(int least, in SketchReach reach)
    {
        if (least <= 0)
        {
            return Count;
        }
        Vector512<float> squared = Vector512.Create((float)least * least);
        int groups = 0;
        for (int first = 0; first < PaddedCount / GroupKeys; first += RadiusLanes)
        {
            ReadOnlySpan<float> radii = _radii.AsSpan(first * SketchReach.Bands, RadiusLanes * SketchReach.Bands);
            Vector512<float> furthest = reach.Squared(
                Vector512.Create(radii), Vector512.Create(radii[RadiusLanes..]), Vector512.Create(radii[(2 * RadiusLanes)..]));
            // Radii descend: those that reach are the first ones.
            int reaching = BitOperations.PopCount(Vector512.GreaterThanOrEqual(furthest, squared).ExtractMostSignificantBits());
            groups += reaching;
            if (reaching < RadiusLanes)
            {
                break;
            }
        }
        return Math.Min(Count, groups * GroupKeys);
    }

    /// <summary>Largest squared norm of a band in a group and all later ones.</summary>
    public float SquaredRadius(int band, int group = 0) => group * GroupKeys < Count ? _radii[RadiusAt(band, group)] : 0;

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

    private static int RadiusAt(int band, int group) =>
        (group / RadiusLanes * SketchReach.Bands + band) * RadiusLanes + group % RadiusLanes;

    /// <summary>One coordinate of every key of a quad.</summary>
    private static Vector512<int> Coordinates(byte* quad, int i) =>
        ((Vector512.Load(quad).AsInt32() >> (8 * i)) & Vector512.Create(0xFF)) - Vector512.Create(Offset);

    /// <summary>Codes of one group of keys.</summary>
    private void EncodeGroup(float* coordinates, int stride, ReadOnlySpan<float> anchor, byte* codes)
    {
        Vector512<float> largest = Vector512.Create((float)LargestCode);
        for (int quad = 0; quad < Quads; quad++, codes += QuadBytes)
        {
            Vector512<int> bytes = default;
            for (int i = 0; i < 4; i++)
            {
                int c = 4 * quad + i;
                Vector512<float> relative = Vector512.Load(coordinates + (nint)c * stride) - Vector512.Create(anchor[c]);
                relative = Vector512.ConditionalSelect(Vector512.Equals(relative, relative), relative, Vector512<float>.Zero);
                relative = Vector512.Min(Vector512.Max(Vector512.Round(relative), -largest), largest);
                bytes |= (Vector512.ConvertToInt32(relative) + Vector512.Create(Offset)) << (8 * i);
            }
            bytes.AsByte().Store(codes);
        }
    }

    /// <summary>Counting sort by the leading bits of the norms, descending.</summary>
    private static void Order(ReadOnlySpan<float> norms, Span<int> order)
    {
        int top = Leading(TensorPrimitives.Max(norms));
        Span<int> starts = stackalloc int[Buckets + 1];
        starts.Clear();
        foreach (float norm in norms)
        {
            starts[Math.Min(top - Leading(norm), Buckets - 1) + 1]++;
        }
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            starts[bucket + 1] += starts[bucket];
        }
        for (int key = 0; key < norms.Length; key++)
        {
            order[starts[Math.Min(top - Leading(norms[key]), Buckets - 1)]++] = key;
        }
    }

    private static int Leading(float norm) => BitConverter.SingleToInt32Bits(norm) >> BucketShift;

    /// <summary>Where the first quad of a place lies.</summary>
    private nint PlaceBytes(int place) => (nint)(place / GroupKeys) * GroupKeys * Rank + place % GroupKeys * 4;

    /// <summary>Radii of the groups from <paramref name="first"/> on, and of those before.</summary>
    private void IncludeGroups(int first)
    {
        Span<int> squares = stackalloc int[SketchReach.Bands];
        for (int group = first; group * GroupKeys < Count; group++)
        {
            LargestSquares(group, squares);
            Include(group, squares);
        }
    }

    /// <summary>Largest squared norms of a group's keys, a number a band.</summary>
    private void LargestSquares(int group, Span<int> squares)
    {
        byte* codes = Codes + (nint)group * GroupKeys * Rank;
        Vector512<int> present = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(Count - group * GroupKeys));
        Span<int> lanes = stackalloc int[GroupKeys];
        squares.Clear();
        Vector512<int> sum = default;
        for (int quad = 0; quad < Quads; quad++, codes += QuadBytes)
        {
            for (int i = 0; i < 4; i++)
            {
                Vector512<int> coordinate = Coordinates(codes, i);
                sum += coordinate * coordinate;
            }
            int band = SketchReach.BandOf(quad);
            if (quad == Quads - 1 || SketchReach.BandOf(quad + 1) != band)
            {
                (sum & present).CopyTo(lanes);
                foreach (int squared in lanes)
                {
                    squares[band] = Math.Max(squares[band], squared);
                }
                sum = default;
            }
        }
    }

    private void Include(int group, ReadOnlySpan<int> squares)
    {
        for (int band = 0; band < SketchReach.Bands; band++)
        {
            float squared = squares[band];
            for (int earlier = group; earlier >= 0 && _radii[RadiusAt(band, earlier)] < squared; earlier--)
            {
                _radii[RadiusAt(band, earlier)] = squared;
            }
        }
    }

    private void ReserveRadii(int count)
    {
        int groups = (count + GroupKeys - 1) / GroupKeys;
        int floats = (groups + RadiusLanes - 1) / RadiusLanes * RadiusLanes * SketchReach.Bands;
        if (_radii.Length < floats)
        {
            Array.Resize(ref _radii, floats);
        }
    }

    private void Free()
    {
        RegionMemory.Return(Interlocked.Exchange(ref _memory, 0), Bytes);
        Capacity = 0;
    }
}
