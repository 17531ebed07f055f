using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>Makes the sketches of one generation's keys: fits their basis and codes what sets keys apart from their clusters' means.</summary>
internal sealed class KeySketcher(IndexSettings settings, CodedKeys store, int firstKey, SketchBasis? start)
{
    /// <summary>Keys that are read together.</summary>
    public const int ChunkKeys = 96;

    /// <summary>Keys whose distances to their centres the basis is fitted to.</summary>
    private const int BasisKeys = 512;

    private float[] _anchors = [];

    /// <summary>What sketches are made with.</summary>
    public SketchBasis? Basis { get; private set; } = start;

    /// <summary>The basis for the queries so far and the keys' places in their clusters.</summary>
    /// <param name="labels">Cluster of each key.</param>
    /// <param name="means">Mean keys [clusters, d].</param>
    /// <param name="clusters">Number of clusters.</param>
    public void Fit(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int clusters)
    {
        int dimension = settings.Dimension;
        var queries = new double[dimension * dimension];
        var keys = new double[dimension * dimension];
        settings.Queries.CopyTo(queries);
        KeyMoment(labels, means).CopyTo(keys);
        Basis = SketchBasis.Fit(queries, keys, dimension, settings.Options.SketchRank, Basis);
        SetAnchors(means, clusters);
    }

    /// <summary>Tiles of all keys, relative to the means that the basis was fitted with.</summary>
    public void SketchAll(ReadOnlySpan<ushort> labels, int clusters, SketchTiles tiles)
    {
        int stride = Basis!.Stride;
        sbyte[] codes = ArrayPool<sbyte>.Shared.Rent(labels.Length * stride);
        float[] lengths = ArrayPool<float>.Shared.Rent(labels.Length);
        Sketch(labels, 0, codes, lengths);
        tiles.Rebuild(clusters, labels, codes, stride, lengths.AsSpan(0, labels.Length));
        ArrayPool<sbyte>.Shared.Return(codes);
        ArrayPool<float>.Shared.Return(lengths);
    }

    /// <summary>
    /// Keys from <paramref name="first"/> on join the tiles, relative to the same means as the others, so that all compare. That
    /// the means have moved a little since shifts them together.
    /// </summary>
    public void SketchNew(ReadOnlySpan<ushort> labels, int first, SketchTiles tiles)
    {
        int stride = Basis!.Stride, count = labels.Length - first;
        var codes = new sbyte[count * stride];
        Sketch(labels, first, codes, new float[count]);
        for (int i = 0; i < count; i++)
        {
            tiles.Append(labels[first + i], codes.AsSpan(i * stride, Basis.Rank), (ushort)(first + i));
        }
        for (int i = 0; i < count; i++)
        {
            tiles.SealLast(labels[first + i]);
        }
    }

    /// <summary>
    /// How far every key is from its centre: its squared distance and the squared length of its sketch before that is rounded
    /// and clamped, each relative to its mean. Keys that queries tell from all others may lie near them: a few with short
    /// values on which most attention rests are the worst to have in clusters of others. Returns the sum.
    /// </summary>
    public double Remoteness(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means, int clusters, Span<float> remoteness)
    {
        SetAnchors(means, clusters);
        int dimension = settings.Dimension, stride = Basis!.Stride;
        using NativeBuffer rows = NativeBuffer.Rent(ChunkKeys * (dimension + stride)), buffer = NativeBuffer.Rent(labels.Length);
        Span<float> lengths = buffer.Span[..labels.Length];
        double distances = 0, norms = 0;
        for (int first = 0; first < labels.Length; first += ChunkKeys)
        {
            int count = Math.Min(ChunkKeys, labels.Length - first);
            Span<float> keys = rows.Span[..(count * dimension)], coordinates = rows.Span.Slice(ChunkKeys * dimension, count * stride);
            store.ReadKeys(firstKey + first, count, keys);
            Basis.KeyCoordinates(keys, coordinates);
            for (int i = 0; i < count; i++)
            {
                int label = labels[first + i];
                Span<float> key = keys.Slice(i * dimension, dimension);
                TensorPrimitives.Subtract(key, means.Slice(label * dimension, dimension), key);
                distances += remoteness[first + i] = TensorPrimitives.SumOfSquares<float>(key);
                norms += lengths[first + i] = Basis.SquaredLength(coordinates.Slice(i * stride, stride), _anchors.AsSpan(label * stride, stride));
            }
        }
        if (norms > 0)
        {
            TensorPrimitives.MultiplyAdd(lengths, (float)(distances / norms), remoteness, remoteness);
            return 2 * distances;
        }
        return distances;
    }

    private void SetAnchors(ReadOnlySpan<float> means, int clusters)
    {
        if (_anchors.Length < clusters * Basis!.Stride)
        {
            _anchors = new float[(clusters + clusters / 4) * Basis.Stride];
        }
        Basis.KeyCoordinates(means, _anchors.AsSpan(0, clusters * Basis.Stride));
    }

    /// <summary>Codes and their squared lengths of keys from <paramref name="first"/> on.</summary>
    private void Sketch(ReadOnlySpan<ushort> labels, int first, Span<sbyte> codes, Span<float> lengths)
    {
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
                int at = start - first + i;
                lengths[at] = Basis.Encode(
                    coordinates.Slice(i * stride, stride), _anchors.AsSpan(labels[start + i] * stride, stride), codes.Slice(at * stride, stride));
            }
        }
    }

    /// <summary>Second moment of evenly spaced keys about their centres.</summary>
    private SecondMoment KeyMoment(ReadOnlySpan<ushort> labels, ReadOnlySpan<float> means)
    {
        int dimension = settings.Dimension, spacing = Math.Max(1, labels.Length / BasisKeys);
        var moment = new SecondMoment(dimension);
        var rows = new float[(labels.Length + spacing - 1) / spacing * dimension];
        for (int key = 0, at = 0; key < labels.Length; key += spacing, at += dimension)
        {
            Span<float> row = rows.AsSpan(at, dimension);
            store.ReadKey(firstKey + key, row);
            TensorPrimitives.Subtract(row, means.Slice(labels[key] * dimension, dimension), row);
        }
        moment.Add(rows);
        return moment;
    }
}
