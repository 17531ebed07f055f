using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>Members of one cluster, with their sums so that its means follow every change.</summary>
internal sealed class KeyCluster : IDisposable
{
    private readonly double[] _keySum;
    private readonly double[] _valueSum;
    private readonly float[] _key;
    private readonly float[] _value;
    private int[] _indices;

    public KeyCluster(SimdPath simd, int dimension, int valueDimension, KeyValueStorage storage, int capacity)
    {
        Region = KeyRegion.Create(simd, dimension, valueDimension, storage);
        Region.Reserve(Math.Max(1, capacity));
        _keySum = new double[dimension];
        _valueSum = new double[valueDimension];
        _key = new float[dimension];
        _value = new float[valueDimension];
        _indices = new int[Math.Max(1, capacity)];
    }

    /// <summary>Keys and values.</summary>
    public KeyRegion Region { get; }

    /// <summary>Number of members.</summary>
    public int Count => Region.Count;

    /// <summary>Adds a member.</summary>
    /// <param name="index">Its place in the order of arrival.</param>
    /// <param name="key">Its key.</param>
    /// <param name="value">Its value.</param>
    public void Add(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        if (Count == _indices.Length)
        {
            Array.Resize(ref _indices, _indices.Length + _indices.Length / 4 + 8);
        }
        _indices[Count] = index;
        Region.Append(key, value);
        Accumulate(key, _keySum, 1);
        Accumulate(value, _valueSum, 1);
    }

    /// <summary>Moves the member at a slot to another cluster; the last member takes the slot.</summary>
    public void MoveTo(int slot, KeyCluster other)
    {
        Region.ReadKey(slot, _key);
        Region.ReadValue(slot, _value);
        other.Add(_indices[slot], _key, _value);
        Accumulate(_key, _keySum, -1);
        Accumulate(_value, _valueSum, -1);
        _indices[slot] = _indices[Count - 1];
        Region.RemoveSwap(slot);
    }

    /// <summary>Mean key; the cluster has members.</summary>
    public void MeanKey(Span<float> mean) => Mean(_keySum, mean);

    /// <summary>Mean value; the cluster has members.</summary>
    public void MeanValue(Span<float> mean) => Mean(_valueSum, mean);

    /// <summary>Copies all members to their places in dense rows.</summary>
    public void CopyTo(Span<float> keys, Span<float> values)
    {
        for (int slot = 0; slot < Count; slot++)
        {
            Region.ReadKey(slot, keys.Slice(_indices[slot] * _key.Length, _key.Length));
            Region.ReadValue(slot, values.Slice(_indices[slot] * _value.Length, _value.Length));
        }
    }

    public void Dispose() => Region.Dispose();

    private void Mean(double[] sum, Span<float> mean)
    {
        for (int l = 0; l < sum.Length; l++)
        {
            mean[l] = (float)(sum[l] / Count);
        }
    }

    private static void Accumulate(ReadOnlySpan<float> row, double[] sum, double sign)
    {
        for (int l = 0; l < row.Length; l++)
        {
            sum[l] += sign * row[l];
        }
    }
}
