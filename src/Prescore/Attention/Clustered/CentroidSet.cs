using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Attention.Clustered;

/// <summary>
/// The clusters of a key/value head as attention sees them: a mean key, a mean value and a weight each (a coreset), in the
/// panels that products read. In the softmax a cluster is one term with logit scale·q·μ + ln W and value ν.
/// </summary>
internal sealed unsafe class CentroidSet(ClusteredKernels kernels, int dimension, int valueDimension) : IDisposable
{
    /// <summary>Clusters that arrays are readable beyond the last.</summary>
    private const int Slack = 64;

    private readonly int _valuePanels = (valueDimension + kernels.PanelWidth - 1) / kernels.PanelWidth;
    private NativeBuffer? _memory;
    private int _capacity;

    /// <summary>Number of clusters.</summary>
    public int Count { get; private set; }

    /// <summary>Mean keys in panels [d, panel width].</summary>
    public float* Keys => _memory!.Pointer;

    /// <summary>Mean values in panels, <see cref="ValueStride"/> floats apart, [clusters, panel width].</summary>
    public float* Values => Keys + (nint)_capacity * dimension;

    /// <summary>Floats from one panel of values to the next.</summary>
    public nint ValueStride => (nint)_capacity * kernels.PanelWidth;

    /// <summary>Panels of values.</summary>
    public int ValuePanels => _valuePanels;

    /// <summary>ln W of each cluster, <see cref="ClusterTerms.NoCluster"/> behind the last.</summary>
    public float* LogWeights => Values + _valuePanels * ValueStride;

    /// <summary>Number of each cluster's keys, or 1 where keys have log-weights: a key then weighs e^(its − ln W).</summary>
    public float* Weights => LogWeights + _capacity;

    /// <summary>ln of each cluster's weight a member.</summary>
    public float* MeanLogWeights => Weights + _capacity;

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * (long)_capacity * (dimension + _valuePanels * kernels.PanelWidth + 3);

    /// <summary>Keeps the first <paramref name="kept"/> clusters and makes room for <paramref name="count"/>, which are to be set.</summary>
    public void Resize(int kept, int count)
    {
        int width = kernels.PanelWidth;
        if (count + Slack > _capacity)
        {
            int before = _capacity;
            NativeBuffer? old = _memory;
            _capacity = (count + count / 2 + Slack + width - 1) / width * width;
            NativeBuffer memory = NativeBuffer.AllocateZeros((nint)_capacity * (dimension + _valuePanels * width + 3));
            _memory = memory;
            if (old is not null)
            {
                CopyFrom(old.Pointer, before);
                old.Dispose();
            }
        }
        Count = count;
        new Span<float>(LogWeights + kept, _capacity - kept).Fill(ClusterTerms.NoCluster);
        new Span<float>(Weights + kept, _capacity - kept).Fill(1);
    }

    /// <summary>Sets a cluster.</summary>
    /// <param name="cluster">Its number.</param>
    /// <param name="meanKey">Weighted mean key [d].</param>
    /// <param name="meanValue">Weighted mean value [d_v].</param>
    /// <param name="members">Number of keys.</param>
    /// <param name="logWeight">ln W.</param>
    /// <param name="weighted">Whether keys have log-weights.</param>
    public void Set(int cluster, ReadOnlySpan<float> meanKey, ReadOnlySpan<float> meanValue, int members, float logWeight, bool weighted)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cluster, Count);
        int width = kernels.PanelWidth;
        float* key = Keys + (nint)(cluster / width) * width * dimension + cluster % width;
        for (int l = 0; l < meanKey.Length; l++)
        {
            key[(nint)l * width] = meanKey[l];
        }
        for (int column = 0, panel = 0; column < meanValue.Length; column += width, panel++)
        {
            meanValue.Slice(column, Math.Min(width, meanValue.Length - column)).CopyTo(new Span<float>(ValueAt(cluster, panel), width));
        }
        LogWeights[cluster] = logWeight;
        Weights[cluster] = weighted ? 1 : members;
        MeanLogWeights[cluster] = weighted ? (float)(logWeight - Math.Log(members)) : 0;
    }

    /// <summary>Reads a mean value.</summary>
    public void ReadValue(int cluster, Span<float> value)
    {
        int width = kernels.PanelWidth;
        for (int column = 0, panel = 0; column < value.Length; column += width, panel++)
        {
            new ReadOnlySpan<float>(ValueAt(cluster, panel), Math.Min(width, value.Length - column)).CopyTo(value[column..]);
        }
    }

    /// <summary>Reads a mean key.</summary>
    public void ReadKey(int cluster, Span<float> key)
    {
        int width = kernels.PanelWidth;
        for (int l = 0; l < key.Length; l++)
        {
            key[l] = Keys[(nint)(cluster / width) * width * dimension + cluster % width + (nint)l * width];
        }
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _memory = null;
        (_capacity, Count) = (0, 0);
    }

    private float* ValueAt(int cluster, int panel) => Values + panel * ValueStride + (nint)cluster * kernels.PanelWidth;

    private void CopyFrom(float* old, int capacity)
    {
        nint keys = (nint)capacity * dimension, panel = (nint)capacity * kernels.PanelWidth;
        Copy(old, Keys, keys);
        for (int i = 0; i < _valuePanels; i++)
        {
            Copy(old + keys + i * panel, Values + i * ValueStride, panel);
        }
        float* rest = old + keys + _valuePanels * panel;
        Copy(rest, LogWeights, capacity);
        Copy(rest + capacity, Weights, capacity);
        Copy(rest + 2 * (nint)capacity, MeanLogWeights, capacity);
    }

    private static void Copy(float* from, float* to, nint count) => Buffer.MemoryCopy(from, to, count * sizeof(float), count * sizeof(float));
}
