using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Weighted sums over the keys and values of each cluster of a segment, in doubles and always in order of arrival, and the
/// clusters' mean keys.
/// </summary>
/// <param name="store">All far keys of the head.</param>
/// <param name="firstKey">The segment's first key.</param>
internal sealed class ClusterSums(CodedKeys store, int firstKey) : IDisposable
{
    /// <summary>Log-weights beyond it count as this much: e^600 is near what a double holds.</summary>
    private const float LargestLogWeight = 600;

    private readonly float[] _key = new float[store.Dimension];
    private readonly float[] _value = new float[store.ValueDimension];
    private int[] _counts = [];
    private bool[] _changed = [];
    private double[] _weights = [];

    // Large enough for the heap of large arrays, where what they outgrow would lie for long.
    private readonly GrowingMemory _keys = new();
    private readonly GrowingMemory _values = new();
    private float[] _means = [];
    private int _clusters;

    /// <summary>Mean keys [clusters, d].</summary>
    public ReadOnlySpan<float> Means => _means.AsSpan(0, _clusters * store.Dimension);

    /// <summary>Bytes held.</summary>
    public long Bytes => _keys.Bytes + _values.Bytes + sizeof(float) * (long)_means.Length;

    /// <summary>Number of a cluster's keys.</summary>
    public int Selected(int cluster) => _counts[cluster];

    /// <summary>ln Σe^a over the log-weights of a cluster's keys; ln of their number where there are none.</summary>
    public float LogWeight(int cluster) => (float)Math.Log(_weights[cluster]);

    /// <summary>Mean key of a cluster.</summary>
    public ReadOnlySpan<float> Mean(int cluster) => _means.AsSpan(cluster * store.Dimension, store.Dimension);

    /// <summary>Writes the mean value of a cluster.</summary>
    public void MeanValue(int cluster, Span<float> mean) => Divide(ValuesOf(cluster), cluster, mean);

    /// <summary>Whether a cluster has changed since the last call.</summary>
    public bool TakeChanged(int cluster)
    {
        bool changed = _changed[cluster];
        _changed[cluster] = false;
        return changed;
    }

    /// <summary>Empties all sums.</summary>
    /// <param name="clusters">Number of clusters.</param>
    /// <param name="keepMeans">Clusters that nothing joins keep their mean.</param>
    public void Clear(int clusters, bool keepMeans = false)
    {
        Reserve(clusters);
        Array.Clear(_counts);
        Array.Clear(_weights);
        Keys.Clear();
        Values.Clear();
        Array.Fill(_changed, true);
        if (!keepMeans)
        {
            Array.Clear(_means);
        }
        _clusters = clusters;
    }

    /// <summary>Adds a key to a cluster.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="number">Number of the key in its segment.</param>
    /// <param name="key">The key.</param>
    public void AddKey(int cluster, int number, ReadOnlySpan<float> key)
    {
        double weight = WeightOf(number);
        _counts[cluster]++;
        _weights[cluster] += weight;
        _changed[cluster] = true;
        DoubleSum.Add(key, weight, KeysOf(cluster));
    }

    /// <summary>Adds keys from <paramref name="first"/> on to the clusters of their labels.</summary>
    public void Add(ReadOnlySpan<ushort> labels, int first, bool values)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            store.ReadKey(firstKey + first + i, _key);
            AddKey(labels[i], first + i, _key);
            if (values)
            {
                AddValue(labels[i], first + i);
            }
        }
    }

    /// <summary>Sums all values anew.</summary>
    public void SumValues(ReadOnlySpan<ushort> labels)
    {
        Values.Clear();
        for (int i = 0; i < labels.Length; i++)
        {
            AddValue(labels[i], i);
        }
    }

    /// <summary>Moves a key's part of the key sums to a new cluster of its own, unless its cluster has no other.</summary>
    /// <param name="from">Its cluster.</param>
    /// <param name="added">Number of the new cluster: that of clusters so far.</param>
    /// <param name="number">Number of the key.</param>
    /// <returns>Whether it moved.</returns>
    public bool StartCluster(int from, int added, int number)
    {
        if (_counts[from] <= 1 || added >= ushort.MaxValue)
        {
            return false;
        }
        Reserve(added + 1);
        _clusters = added + 1;
        (_counts[added], _weights[added]) = (0, 0);
        KeysOf(added).Clear();
        store.ReadKey(firstKey + number, _key);
        AddKey(added, number, _key);
        double weight = WeightOf(number);
        _counts[from]--;
        _weights[from] -= weight;
        DoubleSum.Add(_key, -weight, KeysOf(from));
        return true;
    }

    /// <summary>Sets the means of clusters with keys.</summary>
    public void UpdateMeans()
    {
        for (int c = 0; c < _clusters; c++)
        {
            if (_counts[c] > 0)
            {
                Divide(KeysOf(c), c, _means.AsSpan(c * store.Dimension, store.Dimension));
            }
        }
    }

    /// <summary>Removes clusters without keys; labels follow. Returns how many stay.</summary>
    public int DropEmpty(int clusters, Span<ushort> labels)
    {
        var numbers = new ushort[clusters];
        int kept = 0;
        for (int c = 0; c < clusters; c++)
        {
            if (_counts[c] == 0)
            {
                continue;
            }
            numbers[c] = (ushort)kept;
            if (kept < c)
            {
                (_counts[kept], _weights[kept]) = (_counts[c], _weights[c]);
                KeysOf(c).CopyTo(KeysOf(kept));
            }
            kept++;
        }
        _clusters = kept;
        Array.Fill(_changed, true);
        if (kept < clusters)
        {
            foreach (ref ushort label in labels)
            {
                label = numbers[label];
            }
        }
        return kept;
    }

    /// <summary>Gives all memory back: nothing joins any more.</summary>
    public void Dispose()
    {
        (_counts, _changed, _weights, _means, _clusters) = ([], [], [], [], 0);
        _keys.Dispose();
        _values.Dispose();
    }

    private void AddValue(int cluster, int number)
    {
        store.ReadValue(firstKey + number, _value);
        DoubleSum.Add(_value, WeightOf(number), ValuesOf(cluster));
    }

    private double WeightOf(int number) =>
        store.HasLogWeights ? Math.Exp(Math.Clamp(store.LogWeight(firstKey + number), -LargestLogWeight, LargestLogWeight)) : 1;

    private Span<double> Keys => _keys.Numbers<double>(_counts.Length * store.Dimension);

    private Span<double> Values => _values.Numbers<double>(_counts.Length * store.ValueDimension);

    private Span<double> KeysOf(int cluster) => Keys.Slice(cluster * store.Dimension, store.Dimension);

    private Span<double> ValuesOf(int cluster) => Values.Slice(cluster * store.ValueDimension, store.ValueDimension);

    private void Divide(ReadOnlySpan<double> sum, int cluster, Span<float> mean)
    {
        double factor = 1 / _weights[cluster];
        for (int l = 0; l < mean.Length; l++)
        {
            mean[l] = (float)(sum[l] * factor);
        }
    }

    private void Reserve(int clusters)
    {
        if (clusters <= _counts.Length)
        {
            return;
        }
        int capacity = clusters + clusters / 2 + 8;
        Array.Resize(ref _counts, capacity);
        Array.Resize(ref _changed, capacity);
        Array.Resize(ref _weights, capacity);
        _keys.Resize(sizeof(double) * (long)capacity * store.Dimension);
        _values.Resize(sizeof(double) * (long)capacity * store.ValueDimension);
        Array.Resize(ref _means, capacity * store.Dimension);
    }
}
