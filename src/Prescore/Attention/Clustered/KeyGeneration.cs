using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Far keys that arrived one after the other, clustered among themselves, with a sketch basis of their own. While it is
/// the newest of its index, new keys join their nearest cluster, and whenever it has grown enough,
/// <see cref="IndexRefinement"/> adds clusters and moves keys between neighbours; after that it never changes. Keys of
/// other times would not fit its clusters: positions turn them (RoPE), so that they lie beside the centres in directions
/// that neither centres nor sketches know. Not safe for concurrent use.
/// </summary>
internal sealed class KeyGeneration : IDisposable
{
    /// <summary>Keys a cluster that the first fit looks at.</summary>
    private const int SampleFactor = 16;

    /// <summary>Keys whose distances to their centres the sketches' basis is fitted to.</summary>
    private const int BasisKeys = 512;

    /// <summary>A later generation is small at first: it grows by so many keys before it is worth a refinement.</summary>
    private const int LeastGrowth = 512;

    /// <summary>Keys that are looked at together: a few register tiles of rows.</summary>
    private const int JoinRows = 24;

    private readonly IndexSettings _settings;
    private readonly CentroidSet _centroids;
    private readonly List<KeyCluster> _clusters = [];
    private readonly float[] _joining;
    private readonly float[] _products = new float[JoinRows * KeyRegion.ChunkKeys];
    private float[] _distances = [];
    private IndexRefinement? _refinement;
    private int _countAtRefinement;
    private long _keyProducts;

    /// <param name="settings">What it shares with all generations of its head.</param>
    /// <param name="centroids">All clusters of the head; those of this generation come last.</param>
    /// <param name="firstKey">Number of keys in earlier generations.</param>
    /// <param name="basis">The sketch basis of the generation before, to start from.</param>
    public KeyGeneration(IndexSettings settings, CentroidSet centroids, int firstKey, SketchBasis? basis)
    {
        _settings = settings;
        _centroids = centroids;
        FirstKey = firstKey;
        FirstCluster = centroids.Count;
        Basis = basis;
        Size = settings.Options.GenerationSize(firstKey);
        _joining = new float[JoinRows * settings.Dimension];
    }

    /// <summary>Number of keys in earlier generations.</summary>
    public int FirstKey { get; }

    /// <summary>Number of clusters in earlier generations.</summary>
    public int FirstCluster { get; }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>Number of keys from which on the next ones belong to a new generation.</summary>
    public int Size { get; }

    /// <summary>The clusters.</summary>
    public IReadOnlyList<KeyCluster> Clusters => _clusters;

    /// <summary>What the sketches are made with; null: of an empty generation without forerunner.</summary>
    public SketchBasis? Basis { get; private set; }

    /// <summary>Lloyd steps in place; between <see cref="BeginRefinement"/> and <see cref="EndRefinement"/>.</summary>
    /// <remarks>Held for that long alone: an index keeps many generations that are complete.</remarks>
    public IndexRefinement Refinement => _refinement ?? throw new InvalidOperationException("no refinement is under way");

    /// <summary>Whether it has grown enough for a refinement, or is complete and has not been refined since.</summary>
    public bool RefinementDue => Count > _countAtRefinement
        && (Count >= Size
            || Count >= Math.Max(_settings.Options.RefitGrowth * _countAtRefinement, _countAtRefinement + Math.Min(FirstKey / 8, LeastGrowth)));

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _keyProducts + (_refinement?.Products ?? 0);

    private RandomOrigin Origin => new(_settings.Run.Seed, _settings.Run.Layer, _settings.Head, FirstKey);

    /// <summary>Adds keys to their nearest clusters; the first ones are clustered among themselves.</summary>
    /// <param name="keys">Dense [count, d].</param>
    /// <param name="values">Dense [count, d_v].</param>
    /// <param name="logWeights">Log-weights [count]; empty where there are none.</param>
    /// <param name="count">Number of keys, 1 or more.</param>
    public void Join(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, ReadOnlySpan<float> logWeights, int count)
    {
        int dimension = _settings.Dimension, valueDimension = _settings.ValueDimension;
        var labels = new int[count];
        bool first = _clusters.Count == 0;
        if (first)
        {
            FirstFit(new KeyMatrix { Values = keys, Count = count, Dimension = dimension }, labels);
        }
        else
        {
            Nearest(keys, labels);
        }
        for (int i = 0; i < count; i++)
        {
            _clusters[labels[i]].Add(
                FirstKey + Count + i,
                keys.Slice(i * dimension, dimension),
                values.Slice(i * valueDimension, valueDimension),
                logWeights.IsEmpty ? 0 : logWeights[i]);
        }
        Count += count;
        IndexRefinement.DropEmpty(_clusters);
        if (_centroids.Count != FirstCluster + _clusters.Count)
        {
            _centroids.Resize(FirstCluster, FirstCluster + _clusters.Count);
        }
        UpdateCentroids();
        if (first)
        {
            RefitSketches();
            return;
        }
        SketchNew(keys, labels);
    }

    /// <summary>Adds the clusters that are missing and gets ready for steps.</summary>
    public void BeginRefinement()
    {
        _refinement = new IndexRefinement(_clusters, NewCluster, _settings.Dimension, Origin, _settings.Run.Simd, Basis!);
        _refinement.Begin(_settings.Options.ClustersFor(FirstKey, Count));
        _countAtRefinement = Count;
    }

    /// <summary>Takes note of what the steps have changed.</summary>
    public void EndRefinement()
    {
        _keyProducts += Refinement.Products;
        _refinement = null;
        IndexRefinement.DropEmpty(_clusters);
        _centroids.Resize(FirstCluster, FirstCluster + _clusters.Count);
        UpdateCentroids();
        RefitSketches();
    }

    public void Dispose()
    {
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.Dispose();
        }
        _clusters.Clear();
    }

    private KeyCluster NewCluster(int capacity) => new(
        _settings.Run.Simd, _settings.Dimension, _settings.ValueDimension, _settings.Options.Storage, _settings.Weighted, _settings.Options.SketchRank, capacity);

    /// <summary>k-means on evenly spaced keys.</summary>
    private void FirstFit(in KeyMatrix points, int[] labels)
    {
        int dimension = _settings.Dimension;
        int wanted = _settings.Options.ClustersFor(FirstKey, points.Count);
        int sampled = Math.Min(points.Count, SampleFactor * wanted);
        var sample = new float[sampled * dimension];
        for (int i = 0; i < sampled; i++)
        {
            points[(int)((long)i * points.Count / sampled)].CopyTo(sample.AsSpan(i * dimension));
        }
        ClusterFit fit = KMeans.Fit(
            new KeyMatrix { Values = sample, Count = sampled, Dimension = dimension },
            wanted,
            Origin,
            new int[sampled],
            _settings.Options.FitSteps,
            _settings.Run.Simd);
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
        // Products come in whole chunks, so the first may begin with clusters of the generation before.
        int firstChunk = FirstCluster / KeyRegion.ChunkKeys * KeyRegion.ChunkKeys, skipped = FirstCluster - firstChunk;
        int columns = skipped + _clusters.Count;
        int stride = (columns + KeyRegion.ChunkKeys - 1) / KeyRegion.ChunkKeys * KeyRegion.ChunkKeys;
        if (_distances.Length < JoinRows * stride)
        {
            _distances = new float[JoinRows * (stride + KeyRegion.ChunkKeys)];
        }
        int dimension = _settings.Dimension;
        ReadOnlySpan<float> halfNorms = _centroids.HalfNorms[FirstCluster..];
        for (int first = 0; first < labels.Length; first += JoinRows)
        {
            int rows = Math.Min(JoinRows, labels.Length - first);
            TensorPrimitives.Negate(keys.Slice(first * dimension, rows * dimension), _joining.AsSpan(0, rows * dimension));
            for (int chunk = 0; chunk < columns; chunk += KeyRegion.ChunkKeys)
            {
                _centroids.Means.Products(_joining, firstChunk + chunk, _products);
                for (int row = 0; row < rows; row++)
                {
                    _products.AsSpan(row * KeyRegion.ChunkKeys, KeyRegion.ChunkKeys).CopyTo(_distances.AsSpan(row * stride + chunk));
                }
            }
            for (int row = 0; row < rows; row++)
            {
                labels[first + row] = OffsetMinimum.IndexOf(_distances.AsSpan(row * stride + skipped, _clusters.Count), halfNorms);
            }
        }
        _keyProducts += (long)labels.Length * _clusters.Count;
    }

    /// <summary>Sketches keys that have joined the clusters named by their labels.</summary>
    private void SketchNew(ReadOnlySpan<float> keys, ReadOnlySpan<int> labels)
    {
        int rank = _settings.Options.SketchRank, dimension = _settings.Dimension;
        Span<float> coordinates = stackalloc float[JoinRows * rank];
        for (int first = 0; first < labels.Length; first += JoinRows)
        {
            int rows = Math.Min(JoinRows, labels.Length - first);
            Basis!.KeyCoordinates(AsStored(keys.Slice(first * dimension, rows * dimension)), coordinates[..(rows * rank)]);
            for (int i = 0; i < rows; i++)
            {
                _clusters[labels[first + i]].SketchNext(coordinates.Slice(i * rank, rank));
            }
        }
    }

    /// <summary>A few keys as the clusters hold them: 16-bit storage has rounded them.</summary>
    private ReadOnlySpan<float> AsStored(ReadOnlySpan<float> keys)
    {
        if (_settings.Options.Storage == KeyValueStorage.Fp32)
        {
            return keys;
        }
        Span<Half> halves = stackalloc Half[keys.Length];
        TensorPrimitives.ConvertToHalf(keys, halves);
        Span<float> stored = _joining.AsSpan(0, keys.Length);
        TensorPrimitives.ConvertToSingle(halves, stored);
        return stored;
    }

    /// <summary>Sketches all keys relative to their clusters' centres of now.</summary>
    private void RefitSketches()
    {
        Basis = FitBasis();
        using NativeBuffer products = NativeBuffer.Rent((nint)Basis.PaddedRank * KeyRegion.ChunkKeys);
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.SketchAll(Basis, products.Span);
        }
    }

    /// <summary>The basis for the queries so far and the keys' places in their clusters.</summary>
    private SketchBasis FitBasis()
    {
        int dimension = _settings.Dimension;
        var queries = new double[dimension * dimension];
        var keys = new double[dimension * dimension];
        _settings.Queries.CopyTo(queries);
        KeyMoment().CopyTo(keys);
        return SketchBasis.Fit(queries, keys, dimension, _settings.Options.SketchRank, Basis);
    }

    /// <summary>Second moment of evenly spaced keys about their centres.</summary>
    private SecondMoment KeyMoment()
    {
        int dimension = _settings.Dimension;
        var moment = new SecondMoment(dimension);
        Span<float> mean = stackalloc float[dimension];
        int spacing = Math.Max(1, Count / BasisKeys);
        int next = 0, start = 0, rows = 0;
        foreach (KeyCluster cluster in _clusters)
        {
            cluster.MeanKey(mean);
            for (; next < start + cluster.Count; next += spacing)
            {
                Span<float> key = _joining.AsSpan(rows * dimension, dimension);
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
        moment.Add(_joining.AsSpan(0, rows * dimension));
        return moment;
    }

    private void UpdateCentroids()
    {
        Span<float> key = stackalloc float[_settings.Dimension];
        Span<float> value = stackalloc float[_settings.ValueDimension];
        for (int c = 0; c < _clusters.Count; c++)
        {
            KeyCluster cluster = _clusters[c];
            if (cluster.Changed || FirstCluster + c >= _centroids.Count)
            {
                cluster.MeanKey(key);
                cluster.MeanValue(value);
                _centroids.Set(FirstCluster + c, key, value, cluster.Count, cluster.LogWeight);
                cluster.Settle();
            }
        }
    }
}
