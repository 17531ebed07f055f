using System.Numerics.Tensors;
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

    /// <summary>Keys whose distances to their centres the sketches' basis is fitted to.</summary>
    private const int BasisKeys = 512;

    /// <summary>Keys that are looked at together: a few register tiles of rows.</summary>
    private const int JoinRows = 24;

    private readonly ClusteredOptions _options;
    private readonly AttentionOptions _run;
    private readonly int _head;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly bool _weighted;
    private readonly SecondMoment _queries;
    private readonly List<KeyCluster> _clusters = [];
    private readonly float[] _joining;
    private readonly float[] _products = new float[JoinRows * KeyRegion.ChunkKeys];
    private float[] _distances = [];
    private SketchBasis? _basis;
    private int _countAtRefinement;
    private long _keyProducts;

    public KeyIndex(
        ClusteredOptions options, AttentionOptions run, int head, int dimension, int valueDimension, bool weighted, SecondMoment queries)
    {
        _queries = queries;
        _options = options;
        _run = run;
        _head = head;
        _dimension = dimension;
        _valueDimension = valueDimension;
        _weighted = weighted;
        _joining = new float[JoinRows * dimension];
        Refinement = new IndexRefinement(_clusters, NewCluster, dimension, run, head);
        Centroids = new CentroidSet(run.Simd, dimension, valueDimension);
    }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; }

    /// <summary>Lloyd steps in place; between <see cref="BeginRefinement"/> and <see cref="EndRefinement"/>.</summary>
    public IndexRefinement Refinement { get; }

    /// <summary>Number of clusters.</summary>
    public int Clusters => _clusters.Count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _keyProducts + Refinement.Products;

    /// <summary>Bytes held.</summary>
    public long Bytes => _clusters.Sum(cluster => cluster.Bytes) + Centroids.Means.Bytes;

    /// <summary>Whether the index has grown enough for a refinement.</summary>
    public bool RefinementDue => Count > 0 && Count >= _options.RefitGrowth * _countAtRefinement;

    /// <summary>Keys and values of a cluster.</summary>
    public KeyRegion Region(int cluster) => _clusters[cluster].Region;

    /// <summary>Sketches of a cluster's members.</summary>
    public KeySketches Sketches(int cluster) => _clusters[cluster].Sketches;

    /// <summary>Number of each of a cluster's members in the order in which the head's keys arrived.</summary>
    public ReadOnlySpan<int> Indices(int cluster) => _clusters[cluster].Indices;

    /// <summary>What the sketches are made with; the index is not empty.</summary>
    public SketchBasis Basis => _basis ?? throw new InvalidOperationException("an empty index has no sketches");

    /// <summary>Which cluster every key is in, in order of arrival.</summary>
    public int[] Labels()
    {
        var labels = new int[Count];
        for (int c = 0; c < _clusters.Count; c++)
        {
            foreach (int index in _clusters[c].Indices)
            {
                labels[index] = c;
            }
        }
        return labels;
    }

    /// <summary>Adds the next keys to their nearest clusters; the first ones are clustered among themselves.</summary>
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
        var labels = new int[count];
        bool first = _clusters.Count == 0;
        if (first)
        {
            FirstFit(new KeyMatrix { Values = keys, Count = count, Dimension = _dimension }, labels);
        }
        else
        {
            Nearest(keys, labels);
        }
        for (int i = 0; i < count; i++)
        {
            _clusters[labels[i]].Add(
                Count + i,
                keys.Slice(i * _dimension, _dimension),
                values.Slice(i * _valueDimension, _valueDimension),
                logWeights.IsEmpty ? 0 : logWeights[i]);
        }
        Count += count;
        IndexRefinement.DropEmpty(_clusters);
        if (_clusters.Count != Centroids.Count)
        {
            Centroids.Clear(_clusters.Count);
        }
        UpdateCentroids();
        if (first)
        {
            RefitSketches();
            return;
        }
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.SketchNew(_basis!);
        }
    }

    /// <summary>Adds the clusters that are missing and gets ready for steps.</summary>
    public void BeginRefinement()
    {
        Refinement.Begin(_options.ClustersFor(Count));
        _countAtRefinement = Count;
    }

    /// <summary>Takes note of what the steps have changed.</summary>
    public void EndRefinement()
    {
        IndexRefinement.DropEmpty(_clusters);
        Centroids.Clear(_clusters.Count);
        UpdateCentroids();
        RefitSketches();
    }

    /// <summary>A whole refinement on this thread, where one is due.</summary>
    public void RefineIfDue()
    {
        if (!RefinementDue)
        {
            return;
        }
        BeginRefinement();
        for (int step = 0; step < _options.FitSteps; step++)
        {
            for (int part = 0; part < Refinement.Parts; part++)
            {
                Refinement.FindMoves(part);
            }
            Refinement.Apply();
        }
        EndRefinement();
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
        Centroids.Clear(0);
        _basis = null;
        Count = _countAtRefinement = 0;
    }

    public void Dispose()
    {
        Clear();
        Centroids.Dispose();
    }

    private KeyCluster NewCluster(int capacity) => new(_run.Simd, _dimension, _valueDimension, _options.Storage, _weighted, _options.SketchRank, capacity);

    /// <summary>k-means on evenly spaced keys.</summary>
    private void FirstFit(in KeyMatrix points, int[] labels)
    {
        int wanted = _options.ClustersFor(points.Count);
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
        fit.Centres.Assign(points, labels);
        _keyProducts += fit.Products + (long)points.Count * fit.Centres.Count;
        for (int c = 0; c < fit.Centres.Count; c++)
        {
            _clusters.Add(NewCluster(points.Count / fit.Centres.Count));
        }
    }

    /// <summary>The nearest centroid of every key: the largest x·μ − ‖μ‖²/2, ties to the lower index.</summary>
    private void Nearest(ReadOnlySpan<float> keys, int[] labels)
    {
        int clusters = Centroids.Count;
        int stride = (clusters + KeyRegion.ChunkKeys - 1) / KeyRegion.ChunkKeys * KeyRegion.ChunkKeys;
        if (_distances.Length < JoinRows * stride)
        {
            _distances = new float[JoinRows * (stride + KeyRegion.ChunkKeys)];
        }
        for (int first = 0; first < labels.Length; first += JoinRows)
        {
            int rows = Math.Min(JoinRows, labels.Length - first);
            Span<float> negated = _joining.AsSpan(0, rows * _dimension);
            TensorPrimitives.Negate(keys.Slice(first * _dimension, rows * _dimension), negated);
            for (int chunk = 0; chunk < clusters; chunk += KeyRegion.ChunkKeys)
            {
                Centroids.Means.Products(_joining, chunk, _products);
                for (int row = 0; row < rows; row++)
                {
                    _products.AsSpan(row * KeyRegion.ChunkKeys, KeyRegion.ChunkKeys).CopyTo(_distances.AsSpan(row * stride + chunk));
                }
            }
            for (int row = 0; row < rows; row++)
            {
                labels[first + row] = OffsetMinimum.IndexOf(_distances.AsSpan(row * stride, clusters), Centroids.HalfNorms);
            }
        }
        _keyProducts += (long)labels.Length * clusters;
    }

    /// <summary>Sketches all keys relative to their clusters' centres of now.</summary>
    private void RefitSketches()
    {
        _basis = FitBasis();
        using NativeBuffer products = NativeBuffer.Rent((nint)_basis.PaddedRank * KeyRegion.ChunkKeys);
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.SketchAll(_basis, products.Span);
        }
    }

    /// <summary>The basis for the queries so far and the keys' places in their clusters.</summary>
    private SketchBasis FitBasis()
    {
        var queries = new double[_dimension * _dimension];
        var keys = new double[_dimension * _dimension];
        _queries.CopyTo(queries);
        KeyMoment().CopyTo(keys);
        return SketchBasis.Fit(queries, keys, _dimension, _options.SketchRank, _basis);
    }

    /// <summary>Second moment of evenly spaced keys about their centres.</summary>
    private SecondMoment KeyMoment()
    {
        var moment = new SecondMoment(_dimension);
        Span<float> mean = stackalloc float[_dimension];
        int spacing = Math.Max(1, Count / BasisKeys);
        int next = 0, start = 0, rows = 0;
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.MeanKey(mean);
            for (; next < start + cluster.Count; next += spacing)
            {
                Span<float> key = _joining.AsSpan(rows * _dimension, _dimension);
                cluster.Region.ReadKey(next - start, key);
                TensorPrimitives.Subtract(key, mean, key);
                if (++rows == JoinRows)
                {
                    moment.Add(_joining);
                    rows = 0;
                }
            }
            start += cluster.Count;
        }
        moment.Add(_joining.AsSpan(0, rows * _dimension));
        return moment;
    }

    private void UpdateCentroids()
    {
        Span<float> key = stackalloc float[_dimension];
        Span<float> value = stackalloc float[_valueDimension];
        for (int c = 0; c < _clusters.Count; c++)
        {
            KeyCluster cluster = _clusters[c];
            if (cluster.Changed || c >= Centroids.Count)
            {
                cluster.MeanKey(key);
                cluster.MeanValue(value);
                Centroids.Set(c, key, value, cluster.Count, cluster.LogWeight);
                cluster.Settle();
            }
        }
    }
}
