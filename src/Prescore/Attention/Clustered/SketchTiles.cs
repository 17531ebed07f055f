using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Sketches of the keys of one segment, cluster by cluster in tiles of 32 (<see cref="SketchTile"/>). When they are made
/// anew, a cluster's keys are put in order of their sketches' length, those with a positive first coordinate first and the
/// longest of them foremost, the others behind and the longest of them last: tiles are then alike in how far they reach.
/// Later keys join at the end. Not safe for concurrent writes.
/// </summary>
internal sealed unsafe class SketchTiles(int rank) : IDisposable
{
    /// <summary>Buckets of length on either side, each of 3 to 6 % of length.</summary>
    private const int Buckets = 64;

    /// <summary>Bits of a float that a bucket's number leaves out: 3 bits of the mantissa stay.</summary>
    private const int BucketShift = 20;

    /// <summary>Tiles that there is room for at first.</summary>
    private const int LeastTiles = 256;

    private readonly GrowingMemory _memory = new();
    private int _used;
    private int _touched;
    private int[] _first = [];
    private int[] _last = [];
    private int[] _next = [];
    private int[] _present = [];
    private int[] _sizes = [];

    /// <summary>Coordinates of a sketch.</summary>
    public int Rank => rank;

    /// <summary>Number of clusters.</summary>
    public int Clusters { get; private set; }

    /// <summary>Bytes held: those that tiles have touched.</summary>
    public long Bytes => (long)_touched * SketchTile.Bytes(rank);

    /// <summary>The first tile of a cluster.</summary>
    public int First(int cluster) => _first[cluster];

    /// <summary>The tile behind another in its cluster; −1 behind the last.</summary>
    public int Next(int tile) => _next[tile];

    /// <summary>Keys of a tile.</summary>
    public int Present(int tile) => _present[tile];

    /// <summary>Keys of a cluster.</summary>
    public int Size(int cluster) => _sizes[cluster];

    /// <summary>Where a tile lies.</summary>
    public byte* At(int tile) => (byte*)_memory.Pointer + (nint)tile * SketchTile.Bytes(rank);

    /// <summary>Numbers of a tile's keys.</summary>
    public ReadOnlySpan<ushort> Numbers(int tile) => new(At(tile) + SketchTile.NumbersAt(rank), _present[tile]);

    /// <summary>A tile's radii.</summary>
    public float* Radii(int tile) => (float*)(At(tile) + SketchTile.RadiiAt(rank));

    /// <summary>All tiles anew.</summary>
    /// <param name="clusters">Number of clusters, none of them empty.</param>
    /// <param name="labels">Cluster of each key.</param>
    /// <param name="codes">Codes [keys, stride].</param>
    /// <param name="stride">Bytes from one code to the next.</param>
    /// <param name="lengths">Squared length of each sketch.</param>
    public void Rebuild(int clusters, ReadOnlySpan<ushort> labels, ReadOnlySpan<sbyte> codes, int stride, ReadOnlySpan<float> lengths)
    {
        Clear(clusters);
        Reserve(labels.Length / SketchTile.Keys + clusters);
        int top = Leading(TensorPrimitives.Max(lengths));
        int buckets = clusters * 2 * Buckets;
        int[] starts = ArrayPool<int>.Shared.Rent(buckets + 1), order = ArrayPool<int>.Shared.Rent(labels.Length);
        Array.Clear(starts);
        for (int key = 0; key < labels.Length; key++)
        {
            starts[Bucket(labels[key], codes[key * stride], top - Leading(lengths[key])) + 1]++;
        }
        for (int bucket = 1; bucket <= buckets; bucket++)
        {
            starts[bucket] += starts[bucket - 1];
        }
        for (int key = 0; key < labels.Length; key++)
        {
            order[starts[Bucket(labels[key], codes[key * stride], top - Leading(lengths[key]))]++] = key;
        }
        foreach (int key in order.AsSpan(0, labels.Length))
        {
            Append(labels[key], codes.Slice(key * stride, rank), (ushort)key);
        }
        for (int tile = 0; tile < _used; tile++)
        {
            SketchTile.Seal(At(tile), rank, _present[tile]);
        }
        ArrayPool<int>.Shared.Return(order);
        ArrayPool<int>.Shared.Return(starts);
    }

    /// <summary>Adds a key to a cluster; its tile is to be sealed.</summary>
    public void Append(int cluster, ReadOnlySpan<sbyte> code, ushort number)
    {
        int tile = _last[cluster];
        if (tile < 0 || _present[tile] == SketchTile.Keys)
        {
            Reserve(_used + 1);
            int added = _used++;
            _touched = Math.Max(_touched, _used);
            (_next[added], _present[added]) = (-1, 0);
            if (tile < 0)
            {
                _first[cluster] = added;
            }
            else
            {
                _next[tile] = added;
                SketchTile.Seal(At(tile), rank, SketchTile.Keys);
            }
            tile = _last[cluster] = added;
        }
        fixed (sbyte* from = code)
        {
            SketchTile.Write(At(tile), rank, _present[tile]++, from, number);
        }
        _sizes[cluster]++;
    }

    /// <summary>Seals the last tile of a cluster.</summary>
    public void SealLast(int cluster) => SketchTile.Seal(At(_last[cluster]), rank, _present[_last[cluster]]);

    public void Dispose()
    {
        Clear(0);
        _memory.Dispose();
        _touched = 0;
    }

    private static int Leading(float length) => BitConverter.SingleToInt32Bits(length) >> BucketShift;

    private static int Bucket(int cluster, sbyte lead, int below)
    {
        int bucket = Math.Min(below, Buckets - 1);
        return cluster * 2 * Buckets + (lead >= 0 ? bucket : 2 * Buckets - 1 - bucket);
    }

    private void Clear(int clusters)
    {
        if (_first.Length < clusters)
        {
            (_first, _last, _sizes) = (new int[clusters + clusters / 4], new int[clusters + clusters / 4], new int[clusters + clusters / 4]);
        }
        Array.Fill(_first, -1);
        Array.Fill(_last, -1);
        Array.Clear(_sizes);
        (_used, Clusters) = (0, clusters);
    }

    private void Reserve(int tiles)
    {
        if (tiles * (long)SketchTile.Bytes(rank) <= _memory.Bytes)
        {
            return;
        }
        // Pages that no tile has touched take no memory.
        int capacity = Math.Max(LeastTiles, 2 * tiles);
        _memory.Resize((long)capacity * SketchTile.Bytes(rank));
        Array.Resize(ref _next, capacity);
        Array.Resize(ref _present, capacity);
    }
}
