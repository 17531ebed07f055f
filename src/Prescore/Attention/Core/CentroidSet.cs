using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// The clusters of a key/value head as attention sees them: a mean key, a mean value and a weight each (a coreset). In
/// the softmax a cluster is one term with logit scale·q·μ + ln W and value ν.
/// </summary>
internal sealed unsafe class CentroidSet(SimdPath path, int dimension, int valueDimension) : IDisposable
{
    private NativeBuffer? _logWeights;
    private float[] _halfNorms = [];
    private float[] _meanLogWeights = [];

    /// <summary>Mean keys and values, one a cluster.</summary>
    public KeyRegion Means { get; } = KeyRegion.Create(path, dimension, valueDimension, KeyValueStorage.Fp32);

    /// <summary>Number of clusters.</summary>
    public int Count => Means.Count;

    /// <summary>ln of each cluster's weight, readable up to a whole vector beyond the last.</summary>
    public float* LogWeights => _logWeights!.Pointer;

    /// <summary>ln of a cluster's weight.</summary>
    public float LogWeight(int cluster) => LogWeights[cluster];

    /// <summary>ln of a cluster's weight a member.</summary>
    public float MeanLogWeight(int cluster) => _meanLogWeights[cluster];

    /// <summary>‖μ‖²/2 of each cluster.</summary>
    public ReadOnlySpan<float> HalfNorms => _halfNorms.AsSpan(0, Count);

    /// <summary>Keeps the first <paramref name="kept"/> clusters alone and makes room for <paramref name="count"/>.</summary>
    public void Resize(int kept, int count)
    {
        Means.Truncate(kept);
        Means.Reserve(count);
        if (_halfNorms.Length < count)
        {
            Array.Resize(ref _halfNorms, count + count / 4);
            Array.Resize(ref _meanLogWeights, _halfNorms.Length);
            NativeBuffer logWeights = NativeBuffer.Rent(_halfNorms.Length + 64);
            logWeights.Clear();
            _logWeights?.Span[..kept].CopyTo(logWeights.Span);
            _logWeights?.Dispose();
            _logWeights = logWeights;
        }
    }

    /// <summary>Sets a cluster; <paramref name="cluster"/> is at most the count, where a new one is added.</summary>
    public void Set(int cluster, ReadOnlySpan<float> meanKey, ReadOnlySpan<float> meanValue, int members, float logWeight)
    {
        if (cluster == Count)
        {
            Means.Append(meanKey, meanValue);
        }
        else
        {
            Means.Replace(cluster, meanKey, meanValue);
        }
        LogWeights[cluster] = logWeight;
        _meanLogWeights[cluster] = (float)(logWeight - Math.Log(members));
        _halfNorms[cluster] = TensorPrimitives.SumOfSquares(meanKey) / 2;
    }

    public void Dispose()
    {
        Means.Dispose();
        _logWeights?.Dispose();
    }
}
