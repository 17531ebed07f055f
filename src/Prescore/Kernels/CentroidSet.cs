namespace Prescore.Kernels;

/// <summary>
/// The clusters of a key/value head as attention sees them: a mean key, a mean value and a count each (a coreset). In
/// the softmax a cluster is one term with logit scale·q·μ + ln n and value ν.
/// </summary>
internal sealed unsafe class CentroidSet(SimdPath path, int dimension, int valueDimension) : IDisposable
{
    private NativeBuffer? _logWeights;

    /// <summary>Mean keys and values, one a cluster.</summary>
    public KeyRegion Means { get; } = KeyRegion.Create(path, dimension, valueDimension, KeyValueStorage.Fp32);

    /// <summary>Number of clusters.</summary>
    public int Count => Means.Count;

    /// <summary>Members of each cluster.</summary>
    public int[] Members { get; private set; } = [];

    /// <summary>ln of each cluster's weight, readable up to a whole vector beyond the last.</summary>
    public float* LogWeights => _logWeights!.Pointer;

    /// <summary>Empties the set and makes room for <paramref name="count"/> clusters.</summary>
    public void Clear(int count)
    {
        Means.Truncate(0);
        Means.Reserve(count);
        if (Members.Length < count)
        {
            Members = new int[count];
            _logWeights?.Dispose();
            _logWeights = NativeBuffer.Rent(count + 64);
            _logWeights.Clear();
        }
    }

    /// <summary>Adds a cluster.</summary>
    public void Add(ReadOnlySpan<float> meanKey, ReadOnlySpan<float> meanValue, int members, double weight)
    {
        Members[Count] = members;
        LogWeights[Count] = (float)Math.Log(weight);
        Means.Append(meanKey, meanValue);
    }

    public void Dispose()
    {
        Means.Dispose();
        _logWeights?.Dispose();
    }
}
