using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The far keys and values of one key/value head in order of arrival, and how they are clustered. Keys of one time form a
/// <see cref="KeySegment"/> and are clustered among themselves; only the newest segment changes. A function of the
/// stored keys and of how far they have grown block by block, never of how they arrived. Not safe for concurrent use.
/// </summary>
internal sealed class KeyIndex(IndexSettings settings) : IDisposable
{
    private readonly List<KeySegment> _segments = [];

    /// <summary>Keys and values.</summary>
    public CodedKeys Store { get; } = new(settings.Dimension, settings.ValueDimension, settings.Weighted);

    /// <summary>Number of keys that are clustered.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; } = new(settings.Kernels, settings.Dimension, settings.ValueDimension);

    /// <summary>The segments in order of arrival; their clusters follow each other.</summary>
    public IReadOnlyList<KeySegment> Segments => _segments;

    /// <summary>Number of clusters.</summary>
    public int Clusters => Centroids.Count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _segments.Sum(segment => segment.Products);

    /// <summary>Bytes held.</summary>
    public long Bytes => Store.Bytes + Centroids.Bytes + _segments.Sum(segment => segment.Bytes);

    /// <summary>The segment that new keys join; the index is not empty.</summary>
    public KeySegment Newest => _segments[^1];

    /// <summary>Which cluster every key is in, in order of arrival.</summary>
    public int[] Labels()
    {
        var labels = new int[Count];
        foreach (KeySegment segment in _segments)
        {
            for (int cluster = 0; cluster < segment.Clusters; cluster++)
            {
                for (int tile = segment.Tiles.First(cluster); tile >= 0; tile = segment.Tiles.Next(tile))
                {
                    foreach (ushort number in segment.Tiles.Numbers(tile))
                    {
                        labels[segment.FirstKey + number] = segment.FirstCluster + cluster;
                    }
                }
            }
        }
        return labels;
    }

    /// <summary>The store's next keys join the newest segment, or a new one where that is complete.</summary>
    /// <param name="count">Number of keys.</param>
    public void Join(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Store.Count - Count);
        while (count > 0)
        {
            if (Count == 0 || Newest.Count >= Newest.Size)
            {
                _segments.Add(new KeySegment(settings, Store, Centroids, Count, Count == 0 ? null : Newest.Basis));
            }
            // As many as there are, but where all keys come at once.
            int joining = Math.Min(count, KeySegment.MostKeys - Newest.Count);
            Newest.Join(joining);
            Count += joining;
            count -= joining;
        }
    }

    /// <summary>Forgets the clusters; the store keeps its keys.</summary>
    public void Clear()
    {
        foreach (KeySegment segment in _segments)
        {
            segment.Dispose();
        }
        _segments.Clear();
        Centroids.Dispose();
        Count = 0;
    }

    public void Dispose()
    {
        Clear();
        Store.Dispose();
    }
}
