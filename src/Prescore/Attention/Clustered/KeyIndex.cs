using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The far keys and values of one key/value head in order of arrival, and how they are clustered. Keys of one time form a
/// <see cref="KeyGeneration"/> and are clustered among themselves; only the newest generation changes. A function of the
/// stored keys and of how far they have grown block by block, never of how they arrived. Not safe for concurrent use.
/// </summary>
internal sealed class KeyIndex(IndexSettings settings) : IDisposable
{
    private readonly List<KeyGeneration> _generations = [];

    /// <summary>Keys and values.</summary>
    public CodedKeys Store { get; } = new(settings.Dimension, settings.ValueDimension, settings.Weighted);

    /// <summary>Number of keys that are clustered.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; } = new(settings.Kernels, settings.Dimension, settings.ValueDimension);

    /// <summary>The generations in order of arrival; their clusters follow each other.</summary>
    public IReadOnlyList<KeyGeneration> Generations => _generations;

    /// <summary>Number of clusters.</summary>
    public int Clusters => Centroids.Count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _generations.Sum(generation => generation.Products);

    /// <summary>Bytes held.</summary>
    public long Bytes => Store.Bytes + Centroids.Bytes + _generations.Sum(generation => generation.Bytes);

    /// <summary>The generation that new keys join; the index is not empty.</summary>
    public KeyGeneration Newest => _generations[^1];

    /// <summary>Which cluster every key is in, in order of arrival.</summary>
    public int[] Labels()
    {
        var labels = new int[Count];
        foreach (KeyGeneration generation in _generations)
        {
            for (int cluster = 0; cluster < generation.Clusters; cluster++)
            {
                for (int tile = generation.Tiles.First(cluster); tile >= 0; tile = generation.Tiles.Next(tile))
                {
                    foreach (ushort number in generation.Tiles.Numbers(tile))
                    {
                        labels[generation.FirstKey + number] = generation.FirstCluster + cluster;
                    }
                }
            }
        }
        return labels;
    }

    /// <summary>The store's next keys join the newest generation, or a new one where that is complete.</summary>
    /// <param name="count">Number of keys.</param>
    public void Join(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Store.Count - Count);
        while (count > 0)
        {
            if (Count == 0 || Newest.Count >= Newest.Size)
            {
                _generations.Add(new KeyGeneration(settings, Store, Centroids, Count, Count == 0 ? null : Newest.Basis));
            }
            // As many as there are, but where all keys come at once.
            int joining = Math.Min(count, KeyGeneration.MostKeys - Newest.Count);
            Newest.Join(joining);
            Count += joining;
            count -= joining;
        }
    }

    /// <summary>Forgets the clusters; the store keeps its keys.</summary>
    public void Clear()
    {
        foreach (KeyGeneration generation in _generations)
        {
            generation.Dispose();
        }
        _generations.Clear();
        Centroids.Dispose();
        Count = 0;
    }

    public void Dispose()
    {
        Clear();
        Store.Dispose();
    }
}
