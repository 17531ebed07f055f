using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>Makes the sketches of one segment's keys: fits their basis and codes what sets keys apart from their clusters' means.</summary>
internal sealed class KeySketcher(IndexSettings settings, CodedKeys store, int firstKey, SketchBasis? start)
{
    /// <summary>Keys that are read together.</summary>
    public const int ChunkKeys = 96;

    /// <summary>Most keys whose distances to their centres the basis is fitted to.</summary>
    private const int BasisKeys = 256;

    private float[] _anchors = [];
    private float[] _distances = [];
    private float[] _lengths = [];

    /// <summary>Second moment of keys about their centres, of one fit after the other.</summary>
    private SecondMoment? _keyMoment;

    /// <summary>What sketches are made with.</summary>
    public SketchBasis? Basis { get; private set; } = start;

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * (long)(_anchors.Length + _distances.Length + _lengths.Length) + (_keyMoment?.Bytes ?? 0);

    /// <summary>The basis for the queries so far and the keys' places in their clusters.</summary>
    /// <param name="labels">Cluster of each key.</param>
    /// <param name="means">Mean keys [clusters, d].</param>
    /// <param name="clusters">Number of clusters.</param>
    public void Fit(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int clusters)
    {
        int dimension = settings.Dimension, size = dimension * dimension;
        double[] moments = ArrayPool<double>.Shared.Rent(2 * size);
        Span<double> queries = moments.AsSpan(0, size), keys = moments.AsSpan(size, size);
        settings.Queries.CopyTo(queries);
        SetKeyMoment(labels, means);
        _keyMoment.CopyTo(keys);
        Basis = SketchBasis.Fit(queries, keys, dimension, settings.Options.SketchRank, Basis);
        ArrayPool<double>.Shared.Return(moments);
        SetAnchors(means, clusters);
    }

    /// <summary>Tiles of all keys, relative to the means that the basis was fitted with.</summary>
    /// <param name="labels">Cluster of each key.</param>
    /// <param name="means">Mean keys [clusters, d].</param>
    /// <param name="clusters">Number of clusters.</param>
    /// <param name="tiles">The tiles.</param>
    public void SketchAll(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int clusters, SketchTiles tiles)
    {
        int stride = Basis!.Stride;
        sbyte[] codes = ArrayPool<sbyte>.Shared.Rent(labels.Length * stride);
        Sketch(labels, means, 0, codes);
        tiles.Rebuild(clusters, labels, codes, stride, _lengths.AsSpan(0, labels.Length));
        ArrayPool<sbyte>.Shared.Return(codes);
    }

    /// <summary>
    /// Keys from <paramref name="first"/> on join the tiles, relative to the same means as the others, so that all compare. That
    /// the means have moved a little since shifts them together.
    /// </summary>
    public void SketchNew(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int first, SketchTiles tiles)
    {
        int stride = Basis!.Stride, count = labels.Length - first;
        sbyte[] codes = ArrayPool<sbyte>.Shared.Rent(count * stride);
        Sketch(labels, means, first, codes);
        for (int i = 0; i < count; i++)
        {
            tiles.Append(labels[first + i], codes.AsSpan(i * stride, Basis.Rank), (ushort)(first + i));
        }
        for (int i = 0; i < count; i++)
        {
            tiles.SealLast(labels[first + i]);
        }
        ArrayPool<sbyte>.Shared.Return(codes);
    }

    /// <summary>Notes how far keys from <paramref name="first"/> on, which have no sketches yet, are from their means.</summary>
    public void Measure(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int first)
    {
        sbyte[] codes = ArrayPool<sbyte>.Shared.Rent((labels.Length - first) * Basis!.Stride);
        Sketch(labels, means, first, codes);
        ArrayPool<sbyte>.Shared.Return(codes);
    }

    /// <summary>
    /// How far every key was from its centre when it was sketched: its squared distance and the squared length of its sketch before
    /// that was rounded and clamped, each relative to its mean. Keys that queries tell from all others may lie near them: a few with
    /// short values on which most attention rests are the worst to have in clusters of others. Returns the sum.
    /// </summary>
    public double Remoteness(Span<float> remoteness)
    {
        ReadOnlySpan<float> distances = _distances.AsSpan(0, remoteness.Length), lengths = _lengths.AsSpan(0, remoteness.Length);
        double distance = 0, length = 0;
        for (int i = 0; i < remoteness.Length; i++)
        {
            distance += distances[i];
            length += lengths[i];
        }
        TensorPrimitives.MultiplyAdd(lengths, length > 0 ? (float)(distance / length) : 0, distances, remoteness);
        return length > 0 ? 2 * distance : distance;
    }

    /// <summary>What only growing needs is given back.</summary>
    public void Complete() => (_anchors, _distances, _lengths, _keyMoment) = ([], [], [], null);

    private void SetAnchors(ReadOnlySpan<float> means, int clusters)
    {
        if (_anchors.Length < clusters * Basis!.Stride)
        {
            _anchors = new float[(clusters + clusters / 4) * Basis.Stride];
        }
        Basis.KeyCoordinates(means, _anchors.AsSpan(0, clusters * Basis.Stride));
    }

    /// <summary>Codes of keys from <paramref name="first"/> on, and how far they are from their means.</summary>
    private void Sketch(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int first, Span<sbyte> codes)
    {
        if (_lengths.Length < labels.Length)
        {
            Array.Resize(ref _distances, labels.Length + labels.Length / 2);
            Array.Resize(ref _lengths, labels.Length + labels.Length / 2);
        }
        int dimension = settings.Dimension, stride = Basis!.Stride;
        using NativeBuffer rows = NativeBuffer.Rent(ChunkKeys * (dimension + stride));
        for (int start = first; start < labels.Length; start += ChunkKeys)
        {
            int count = Math.Min(ChunkKeys, labels.Length - start);
            Span<float> keys = rows.Span[..(count * dimension)], coordinates = rows.Span.Slice(ChunkKeys * dimension, count * stride);
            store.ReadKeys(firstKey + start, count, keys);
            Basis.KeyCoordinates(keys, coordinates);
            for (int i = 0; i < count; i++)
            {
                int label = labels[start + i];
                _distances[start + i] = ShortVectors.SquaredDistance(keys.Slice(i * dimension, dimension), means.Slice(label * dimension, dimension));
                _lengths[start + i] = Basis.Encode(
                    coordinates.Slice(i * stride, stride), _anchors.AsSpan(label * stride, stride), codes.Slice((start - first + i) * stride, stride));
            }
        }
    }

    /// <summary>Second moment of evenly spaced keys about their centres.</summary>
    [MemberNotNull(nameof(_keyMoment))]
    private void SetKeyMoment(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means)
    {
        int dimension = settings.Dimension, spacing = (labels.Length + BasisKeys - 1) / BasisKeys;
        (_keyMoment ??= new SecondMoment(dimension)).Clear();
        using NativeBuffer buffer = NativeBuffer.Rent((labels.Length + spacing - 1) / spacing * dimension);
        Span<float> rows = buffer.Span;
        for (int key = 0, at = 0; key < labels.Length; key += spacing, at += dimension)
        {
            Span<float> row = rows.Slice(at, dimension);
            store.ReadKey(firstKey + key, row);
            TensorPrimitives.Subtract(row, means.Slice(labels[key] * dimension, dimension), row);
        }
        _keyMoment.Add(rows);
    }
}
