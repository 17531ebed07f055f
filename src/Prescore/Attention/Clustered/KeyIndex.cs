using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The far keys and values of one key/value head, stored by cluster: cache and index in one. Keys of one time form a
/// <see cref="KeyGeneration"/> and are clustered among themselves; only the newest generation changes. A function of the
/// keys and of how far they have grown block by block, never of how they arrived. Not safe for concurrent use.
/// </summary>
internal sealed class KeyIndex(IndexSettings settings) : IDisposable
{
    private readonly List<KeyGeneration> _generations = [];
    private readonly List<KeyCluster> _complete = [];

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; } = new(settings.Run.Simd, settings.Dimension, settings.ValueDimension);

    /// <summary>The generations in order of arrival; their clusters follow each other.</summary>
    public IReadOnlyList<KeyGeneration> Generations => _generations;

    /// <summary>Number of clusters.</summary>
    public int Clusters => Centroids.Count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _generations.Sum(generation => generation.Products);

    /// <summary>Bytes held.</summary>
    public long Bytes => _generations.Sum(generation => generation.Clusters.Sum(cluster => cluster.Bytes)) + Centroids.Means.Bytes;

    /// <summary>Whether the newest generation has grown enough for a refinement.</summary>
    public bool RefinementDue => Count > 0 && Newest.RefinementDue;

    /// <summary>The generation that new keys join; the index is not empty.</summary>
    public KeyGeneration Newest => _generations[^1];

    /// <summary>Keys and values of a cluster.</summary>
    public KeyRegion Region(int cluster) => Cluster(cluster).Region;

    /// <summary>Sketches of a cluster's members.</summary>
    public KeySketches Sketches(int cluster) => Cluster(cluster).Sketches;

    /// <summary>Number of each of a cluster's members in the order in which the head's keys arrived.</summary>
    public ReadOnlySpan<int> Indices(int cluster) => Cluster(cluster).Indices;

    /// <summary>Which cluster every key is in, in order of arrival.</summary>
    public int[] Labels()
    {
        var labels = new int[Count];
        for (int c = 0; c < Clusters; c++)
        {
            foreach (int index in Indices(c))
            {
                labels[index] = c;
            }
        }
        return labels;
    }

    /// <summary>Adds the next keys to the newest generation, or to a new one where that is complete.</summary>
    /// <param name="keys">Dense [count, d].</param>
    /// <param name="values">Dense [count, d_v].</param>
    /// <param name="logWeights">Log-weights [count]; empty where there are none.</param>
    /// <param name="count">Number of keys.</param>
    public void Join(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, ReadOnlySpan<float> logWeights, int count)
    {
        if (count == 0)
        {
            return;
        }
        if (Count == 0 || Newest.Count >= Newest.Size)
        {
            SketchBasis? basis = null;
            if (Count > 0)
            {
                _complete.AddRange(Newest.Clusters);
                basis = Newest.Basis;
            }
            _generations.Add(new KeyGeneration(settings, Centroids, Count, basis));
        }
        Newest.Join(keys, values, logWeights, count);
        Count += count;
    }

    /// <summary>A whole refinement on this thread, where one is due.</summary>
    public void RefineIfDue()
    {
        if (!RefinementDue)
        {
            return;
        }
        Newest.BeginRefinement();
        for (int step = 0; step < settings.Options.FitSteps; step++)
        {
            for (int part = 0; part < Newest.Refinement.Parts; part++)
            {
                Newest.Refinement.FindMoves(part);
            }
            Newest.Refinement.Apply();
        }
        Newest.EndRefinement();
    }

    /// <summary>Copies all keys and values, as stored, into dense rows in the order they were added.</summary>
    public void CopyTo(Span<float> keys, Span<float> values)
    {
        // Not by the centroids: a refinement that was interrupted has added clusters that have none yet.
        foreach (KeyGeneration generation in _generations)
        {
            foreach (KeyCluster cluster in generation.Clusters)
            {
                cluster.CopyTo(keys, values);
            }
        }
    }

    public void Clear()
    {
        foreach (KeyGeneration generation in _generations)
        {
            generation.Dispose();
        }
        _generations.Clear();
        _complete.Clear();
        Centroids.Resize(0, 0);
        Count = 0;
    }

    public void Dispose()
    {
        Clear();
        Centroids.Dispose();
    }

    private KeyCluster Cluster(int cluster) =>
        cluster < _complete.Count ? _complete[cluster] : Newest.Clusters[cluster - _complete.Count];
}
