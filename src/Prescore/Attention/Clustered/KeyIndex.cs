using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The far keys and values of one key/value head, stored by cluster: cache and index in one. A function of the keys
/// and of how far they have grown block by block, never of how they arrived. Not safe for concurrent use.
/// </summary>
internal sealed class KeyIndex : IDisposable
{
    private readonly ClusteredOptions _options;
    private readonly SimdPath _simd;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly KeyClustering _clustering;
    private Cluster[] _clusters = [];
    private int _countAtFit;

    public KeyIndex(ClusteredOptions options, AttentionOptions run, int head, int dimension, int valueDimension)
    {
        _options = options;
        _simd = run.Simd;
        _dimension = dimension;
        _valueDimension = valueDimension;
        _clustering = new KeyClustering(run, head, dimension, options.FitSteps);
        Centroids = new CentroidSet(run.Simd, dimension, valueDimension);
    }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>The clusters as terms of a softmax.</summary>
    public CentroidSet Centroids { get; }

    /// <summary>Number of clusters.</summary>
    public int Clusters => _clusters.Length;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products => _clustering.Products;

    /// <summary>Bytes held.</summary>
    public long Bytes => _clusters.Sum(cluster => cluster.Region.Bytes) + Centroids.Means.Bytes;

    /// <summary>Keys and values of a cluster.</summary>
    public KeyRegion Region(int cluster) => _clusters[cluster].Region;

    /// <summary>Adds the next keys; fits the clusters anew when they have grown enough, else each joins its nearest cluster.</summary>
    /// <param name="keys">Dense [count, d].</param>
    /// <param name="values">Dense [count, d_v].</param>
    /// <param name="count">Number of keys.</param>
    public void Extend(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int count)
    {
        if (count == 0)
        {
            return;
        }
        if (Count + count >= _options.RefitGrowth * _countAtFit || _countAtFit == 0)
        {
            Refit(keys, values, count);
        }
        else
        {
            var labels = new int[count];
            _clustering.Assign(keys, count, labels);
            for (int i = 0; i < count; i++)
            {
                _clusters[labels[i]].Add(Count + i, keys.Slice(i * _dimension, _dimension), values.Slice(i * _valueDimension, _valueDimension));
            }
            Count += count;
        }
        UpdateCentroids();
    }

    /// <summary>Copies all keys and values, as stored, into dense rows in the order they were added.</summary>
    public void CopyTo(Span<float> keys, Span<float> values)
    {
        foreach (Cluster cluster in _clusters)
        {
            cluster.CopyTo(keys, values);
        }
    }

    public void Clear()
    {
        foreach (Cluster cluster in _clusters)
        {
            cluster.Region.Dispose();
        }
        _clusters = [];
        _clustering.Clear();
        Count = _countAtFit = 0;
    }

    public void Dispose()
    {
        Clear();
        Centroids.Dispose();
    }

    private void Refit(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int count)
    {
        int total = Count + count;
        using NativeBuffer keyRows = NativeBuffer.Rent((nint)total * _dimension);
        using NativeBuffer valueRows = NativeBuffer.Rent((nint)total * _valueDimension);
        Span<float> allKeys = keyRows.Span;
        Span<float> allValues = valueRows.Span;
        CopyTo(allKeys, allValues);
        keys[..(count * _dimension)].CopyTo(allKeys[(Count * _dimension)..]);
        values[..(count * _valueDimension)].CopyTo(allValues[(Count * _valueDimension)..]);
        int clusters = Math.Clamp((int)Math.Ceiling(_options.ClusterFactor * Math.Sqrt(total)), 1, total);
        var labels = new int[total];
        int fitted = _clustering.Fit(allKeys, total, clusters, labels);
        Redistribute(allKeys, allValues, labels, fitted);
        Count = _countAtFit = total;
    }

    private void Redistribute(ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int[] labels, int clusters)
    {
        var sizes = new int[clusters];
        foreach (int label in labels)
        {
            sizes[label]++;
        }
        foreach (Cluster cluster in _clusters)
        {
            cluster.Region.Dispose();
        }
        _clusters = new Cluster[clusters];
        for (int c = 0; c < clusters; c++)
        {
            _clusters[c] = new Cluster(_simd, _dimension, _valueDimension, _options.Storage, sizes[c] + sizes[c] / 8);
        }
        for (int i = 0; i < labels.Length; i++)
        {
            _clusters[labels[i]].Add(i, keys.Slice(i * _dimension, _dimension), values.Slice(i * _valueDimension, _valueDimension));
        }
    }

    private void UpdateCentroids()
    {
        Centroids.Clear(_clusters.Length);
        Span<float> key = stackalloc float[_dimension];
        Span<float> value = stackalloc float[_valueDimension];
        foreach (Cluster cluster in _clusters)
        {
            cluster.Means(key, value);
            Centroids.Add(key, value, cluster.Region.Count, cluster.Region.Count);
        }
    }

    /// <summary>Members of one cluster with their sums.</summary>
    private sealed class Cluster
    {
        private readonly float[] _keySum;
        private readonly float[] _valueSum;
        private int[] _indices;

        public Cluster(SimdPath simd, int dimension, int valueDimension, KeyValueStorage storage, int capacity)
        {
            Region = KeyRegion.Create(simd, dimension, valueDimension, storage);
            Region.Reserve(Math.Max(1, capacity));
            _keySum = new float[dimension];
            _valueSum = new float[valueDimension];
            _indices = new int[Math.Max(1, capacity)];
        }

        public KeyRegion Region { get; }

        public void Add(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
        {
            if (Region.Count == _indices.Length)
            {
                Array.Resize(ref _indices, _indices.Length + _indices.Length / 4 + 8);
            }
            _indices[Region.Count] = index;
            Region.Append(key, value);
            System.Numerics.Tensors.TensorPrimitives.Add(_keySum, key, _keySum);
            System.Numerics.Tensors.TensorPrimitives.Add(_valueSum, value, _valueSum);
        }

        public void Means(Span<float> key, Span<float> value)
        {
            System.Numerics.Tensors.TensorPrimitives.Divide(_keySum, Region.Count, key);
            System.Numerics.Tensors.TensorPrimitives.Divide(_valueSum, Region.Count, value);
        }

        public void CopyTo(Span<float> keys, Span<float> values)
        {
            for (int i = 0; i < Region.Count; i++)
            {
                Region.ReadKey(i, keys.Slice(_indices[i] * Region.Dimension, Region.Dimension));
                Region.ReadValue(i, values.Slice(_indices[i] * Region.ValueDimension, Region.ValueDimension));
            }
        }
    }
}
