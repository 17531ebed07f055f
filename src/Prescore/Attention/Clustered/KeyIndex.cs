using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Scoring;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The far keys and values of one key/value head, stored by cluster: cache and index in one. New keys join their nearest
/// cluster; whenever the head has grown enough, <see cref="IndexRefinement"/> adds clusters and moves keys between
/// neighbours. A function of the keys and of how far they have grown block by block, never of how they arrived. Not safe
/// for concurrent use.
/// </summary>
internal sealed class KeyIndex : IDisposable
{
    /// <summary>Keys a cluster that the first fit looks at.</summary>
    private const int SampleFactor = 16;

    private readonly ClusteredOptions _options;
    private readonly AttentionOptions _run;
    private readonly int _head;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly IndexRefinement _refinement;
    private readonly List<KeyCluster> _clusters = [];
    private int _countAtRefinement;
    private long _products;

    public KeyIndex(ClusteredOptions options, AttentionOptions run, int head, int dimension, int valueDimension)
    {
        _options = options;
        _run = run;
        _head = head;
        _dimension = dimension;
        _valueDimension = valueDimension;
        _refinement = new IndexRefinement(_clusters, NewCluster, dimension, run, head);
        Centroids = new CentroidSet(run.Simd, dimension, valueDimension);
    }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; }

    /// <summary>Number of clusters.</summary>
    public int Clusters => _clusters.Count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _products + _refinement.Products;

    /// <summary>Bytes held.</summary>
    public long Bytes => _clusters.Sum(cluster => cluster.Region.Bytes) + Centroids.Means.Bytes;

    /// <summary>Keys and values of a cluster.</summary>
    public KeyRegion Region(int cluster) => _clusters[cluster].Region;

    /// <summary>Adds the next keys.</summary>
    /// <param name="keys">Dense [count, d].</param>
    /// <param name="values">Dense [count, d_v].</param>
    /// <param name="count">Number of keys.</param>
    public void Extend(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int count)
    {
        if (count == 0)
        {
            return;
        }
        var points = new KeyMatrix { Values = keys, Count = count, Dimension = _dimension };
        using CentreSet centres = _clusters.Count == 0 ? FirstCentres(points) : CurrentCentres();
        Join(points, values, centres);
        if (Count >= _options.RefitGrowth * _countAtRefinement)
        {
            _refinement.Refine(WantedClusters(Count), _options.FitSteps);
            _countAtRefinement = Count;
        }
        UpdateCentroids();
    }

    /// <summary>Copies all keys and values, as stored, into dense rows in the order they were added.</summary>
    public void CopyTo(Span<float> keys, Span<float> values)
    {
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.CopyTo(keys, values);
        }
    }

    public void Clear()
    {
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.Dispose();
        }
        _clusters.Clear();
        Count = _countAtRefinement = 0;
    }

    public void Dispose()
    {
        Clear();
        Centroids.Dispose();
    }

    private int WantedClusters(int count) => Math.Clamp((int)Math.Ceiling(_options.ClusterFactor * Math.Sqrt(count)), 1, count);

    private KeyCluster NewCluster(int capacity) => new(_run.Simd, _dimension, _valueDimension, _options.Storage, capacity);

    /// <summary>k-means on evenly spaced keys.</summary>
    private CentreSet FirstCentres(in KeyMatrix points)
    {
        int wanted = WantedClusters(points.Count);
        int sampled = Math.Min(points.Count, SampleFactor * wanted);
        var sample = new float[sampled * _dimension];
        for (int i = 0; i < sampled; i++)
        {
            points[(int)((long)i * points.Count / sampled)].CopyTo(sample.AsSpan(i * _dimension));
        }
        ClusterFit fit = KMeans.Fit(
            new KeyMatrix { Values = sample, Count = sampled, Dimension = _dimension },
            wanted,
            new RandomOrigin(_run.Seed, _run.Layer, _head, 0),
            new int[sampled],
            _options.FitSteps,
            _run.Simd);
        _products += fit.Products;
        for (int c = 0; c < fit.Centres.Count; c++)
        {
            _clusters.Add(NewCluster(points.Count / fit.Centres.Count));
        }
        return fit.Centres;
    }

    private CentreSet CurrentCentres()
    {
        var means = new float[_clusters.Count * _dimension];
        for (int c = 0; c < _clusters.Count; c++)
        {
            _clusters[c].MeanKey(means.AsSpan(c * _dimension, _dimension));
        }
        return new CentreSet(means, _clusters.Count, _dimension, _run.Simd);
    }

    private void Join(in KeyMatrix points, ReadOnlySpan<float> values, CentreSet centres)
    {
        var labels = new int[points.Count];
        centres.Assign(points, labels);
        _products += (long)points.Count * centres.Count;
        for (int i = 0; i < points.Count; i++)
        {
            _clusters[labels[i]].Add(Count + i, points[i], values.Slice(i * _valueDimension, _valueDimension));
        }
        Count += points.Count;
        IndexRefinement.DropEmpty(_clusters);
    }

    private void UpdateCentroids()
    {
        Centroids.Clear(_clusters.Count);
        Span<float> key = stackalloc float[_dimension];
        Span<float> value = stackalloc float[_valueDimension];
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.MeanKey(key);
            cluster.MeanValue(value);
            Centroids.Add(key, value, cluster.Count, cluster.Count);
        }
    }
}
