using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>Members of one cluster, with their weighted sums so that its means follow every change.</summary>
internal sealed class KeyCluster : IDisposable
{
    /// <summary>Log-weights beyond it count as this much in sums: e^600 is near what a double holds.</summary>
    private const float LargestLogWeight = 600;

    private readonly double[] _keySum;
    private readonly double[] _valueSum;
    private readonly float[] _key;
    private readonly float[] _value;
    private readonly float[] _anchor;
    private readonly sbyte[] _code;
    private double _weight;
    private int[] _indices;

    public KeyCluster(SimdPath simd, int dimension, int valueDimension, KeyValueStorage storage, bool weighted, int rank, int capacity)
    {
        Region = KeyRegion.Create(simd, dimension, valueDimension, storage, weighted, KeyOrder.Rows);
        Sketches = new KeySketches(rank);
        _anchor = new float[rank];
        _code = new sbyte[rank];
        Region.Reserve(Math.Max(1, capacity));
        _keySum = new double[dimension];
        _valueSum = new double[valueDimension];
        _key = new float[dimension];
        _value = new float[valueDimension];
        _indices = new int[Math.Max(1, capacity)];
    }

    /// <summary>Keys, values and log-weights.</summary>
    public KeyRegion Region { get; }

    /// <summary>Sketches of the members, in their order; those of the last <see cref="SketchAll"/> and since.</summary>
    public KeySketches Sketches { get; }

    /// <summary>Number of members.</summary>
    public int Count => Region.Count;

    /// <summary>ln W, W = Σe^a over the members' log-weights a; ln of their number where there are none.</summary>
    public float LogWeight => (float)Math.Log(_weight);

    /// <summary>Whether it has changed since <see cref="Settle"/>.</summary>
    public bool Changed { get; private set; } = true;

    /// <summary>Number of each member in the order in which the head's keys arrived.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, Count);

    /// <summary>Bytes held.</summary>
    public long Bytes => Region.Bytes + Sketches.Bytes + sizeof(int) * (long)_indices.Length + sizeof(double) * (long)(_keySum.Length + _valueSum.Length);

    /// <summary>Adds a key.</summary>
    /// <param name="index">Its number in the order of arrival.</param>
    /// <param name="key">Key [d].</param>
    /// <param name="value">Value [d_v].</param>
    /// <param name="logWeight">Additive log-weight.</param>
    public void Add(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value, float logWeight)
    {
        if (Count == _indices.Length)
        {
            Array.Resize(ref _indices, _indices.Length + _indices.Length / 4 + 8);
        }
        _indices[Count] = index;
        Region.Append(key, value, logWeight);
        // Means are those of what is stored: 16-bit storage has rounded.
        if (Region.Storage == KeyValueStorage.Fp16)
        {
            Region.ReadKey(Count - 1, _key);
            Region.ReadValue(Count - 1, _value);
            Accumulate(_key, _value, logWeight, 1);
        }
        else
        {
            Accumulate(key, value, logWeight, 1);
        }
    }

    /// <summary>Moves the member at a slot to another cluster; the last member takes the slot.</summary>
    public void MoveTo(int slot, KeyCluster other)
    {
        Region.ReadKey(slot, _key);
        Region.ReadValue(slot, _value);
        float logWeight = Region.LogWeight(slot);
        other.Add(_indices[slot], _key, _value, logWeight);
        Accumulate(_key, _value, logWeight, -1);
        _indices[slot] = _indices[Count - 1];
        Region.RemoveSwap(slot);
        if (Count == 0)
        {
            Array.Clear(_keySum);
            Array.Clear(_valueSum);
            _weight = 0;
        }
    }

    /// <summary>Sketches all members anew, relative to the mean key of now, and puts those with the longest sketches first.</summary>
    /// <param name="basis">The basis.</param>
    /// <param name="products">Room for <see cref="SketchBasis.PaddedRank"/> rows of <see cref="KeyRegion.ChunkKeys"/>.</param>
    public void SketchAll(SketchBasis basis, Span<float> products)
    {
        MeanKey(_key);
        basis.KeyCoordinates(_key, _anchor);
        Sketches.Clear();
        Sketches.Reserve(Count);
        for (int first = 0; first < Count; first += KeyRegion.ChunkKeys)
        {
            Region.Products(basis.KeyRows, first, products);
            Sketches.AppendColumns(products, KeyRegion.ChunkKeys, Math.Min(KeyRegion.ChunkKeys, Count - first), _anchor);
        }
        int[] order = ArrayPool<int>.Shared.Rent(2 * Count);
        Sketches.Sort(basis.Variances, order.AsSpan(0, Count));
        Reorder(order.AsSpan(0, Count), order.AsSpan(Count, Count));
        ArrayPool<int>.Shared.Return(order);
    }

    /// <summary>
    /// Squared lengths of all members' sketches about the mean key of now, before they are rounded and clamped: up to one
    /// factor, the mean square over queries of what sets a member's logit apart from the mean's.
    /// </summary>
    /// <param name="basis">The basis.</param>
    /// <param name="mean">The mean key.</param>
    /// <param name="products">Room for <see cref="SketchBasis.PaddedRank"/> rows of <see cref="KeyRegion.ChunkKeys"/>.</param>
    /// <param name="lengths">Receives a number a member.</param>
    public void SketchLengths(SketchBasis basis, ReadOnlySpan<float> mean, Span<float> products, Span<float> lengths)
    {
        Span<float> anchor = stackalloc float[basis.Rank];
        basis.KeyCoordinates(mean, anchor);
        lengths.Clear();
        for (int first = 0; first < Count; first += KeyRegion.ChunkKeys)
        {
            Region.Products(basis.KeyRows, first, products);
            Span<float> sums = lengths.Slice(first, Math.Min(KeyRegion.ChunkKeys, Count - first));
            for (int c = 0; c < basis.Rank; c++)
            {
                Span<float> row = products.Slice(c * KeyRegion.ChunkKeys, sums.Length);
                TensorPrimitives.Subtract(row, anchor[c], row);
                TensorPrimitives.Multiply(row, row, row);
                TensorPrimitives.MultiplyAdd(row, basis.Variances[c], sums, sums);
            }
        }
    }

    /// <summary>
    /// Sketches the next member that has no sketch yet, relative to the mean key of the last <see cref="SketchAll"/>, so that
    /// all members compare. That the mean has moved a little since shifts them together.
    /// </summary>
    /// <param name="coordinates">Its coordinates in the basis of that sketch [r].</param>
    public void SketchNext(ReadOnlySpan<float> coordinates)
    {
        SketchBasis.Encode(coordinates, _anchor, _code);
        Sketches.Append(_code);
    }

    /// <summary>Says that the means have been taken note of.</summary>
    public void Settle() => Changed = false;

    /// <summary>Weighted mean key; the cluster has members.</summary>
    public void MeanKey(Span<float> mean) => Mean(_keySum, mean);

    /// <summary>Weighted mean value; the cluster has members.</summary>
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

    public void Dispose()
    {
        Region.Dispose();
        Sketches.Dispose();
    }

    /// <summary>Members change places, so that those that many queries attend lie together.</summary>
    private void Reorder(ReadOnlySpan<int> order, Span<int> numbers)
    {
        Region.Reorder(order);
        for (int place = 0; place < order.Length; place++)
        {
            numbers[place] = _indices[order[place]];
        }
        numbers.CopyTo(_indices);
    }

    private void Mean(double[] sum, Span<float> mean)
    {
        double factor = 1 / _weight;
        for (int l = 0; l < sum.Length; l++)
        {
            mean[l] = (float)(sum[l] * factor);
        }
    }

    private void Accumulate(ReadOnlySpan<float> key, ReadOnlySpan<float> value, float logWeight, double sign)
    {
        double weight = logWeight == 0 ? sign : sign * Math.Exp(Math.Clamp(logWeight, -LargestLogWeight, LargestLogWeight));
        DoubleSum.Add(key, weight, _keySum);
        DoubleSum.Add(value, weight, _valueSum);
        _weight += weight;
        Changed = true;
    }
}
