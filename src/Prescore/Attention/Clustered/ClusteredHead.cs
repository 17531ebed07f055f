using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>State of one key/value head: far keys in the index; sinks and recent keys in the near region.</summary>
internal sealed class ClusteredHead : IDisposable
{
    private readonly ClusteredOptions _options;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly bool _weighted;
    private float[] _keys = [];
    private float[] _values = [];
    private float[] _logWeights = [];

    public ClusteredHead(ClusteredOptions options, AttentionOptions run, CacheShape shape, int head, bool weighted)
    {
        _options = options;
        _dimension = shape.HeadDimension;
        _valueDimension = shape.ValueDimension;
        _weighted = weighted;
        Index = new KeyIndex(options, run, head, _dimension, _valueDimension, weighted);
        Near = KeyRegion.Create(run.Simd, _dimension, _valueDimension, options.Storage, weighted);
        Near.Reserve(ClusteredOptions.Sinks + options.Near + options.BlockSize);
    }

    /// <summary>Far keys.</summary>
    public KeyIndex Index { get; }

    /// <summary>Sinks, then the keys from the near part's first position on.</summary>
    public KeyRegion Near { get; }

    /// <summary>Bytes held.</summary>
    public long Bytes => Index.Bytes + Near.Bytes + sizeof(float) * ((long)_keys.Length + _values.Length);

    /// <summary>Appends tokens to the near part.</summary>
    public void Append(MatrixView keys, MatrixView values, ReadOnlySpan<float> logWeights, int firstRow, int count)
    {
        for (int row = firstRow; row < firstRow + count; row++)
        {
            Near.Append(keys.Row(row), values.Row(row), logWeights.IsEmpty ? 0 : Math.Max(logWeights[row], QueryBlock.RemovedKey));
        }
    }

    /// <summary>Moves the <paramref name="count"/> oldest near keys after the sinks into the index.</summary>
    public void MoveToIndex(int count)
    {
        int sinks = ClusteredOptions.Sinks;
        if (count <= 0)
        {
            return;
        }
        int rest = Near.Count - sinks - count;
        ReadNear(sinks, count + rest);
        JoinKept(count);
        Near.Truncate(sinks);
        AppendRead(count, rest);
    }

    /// <summary>Rebuilds index and near part for the first <paramref name="length"/> tokens by replaying their blocks.</summary>
    public void Rebuild(int oldLength, int length, int nearStart, Action<ClusteredHead, int> beginBlock)
    {
        int sinks = Math.Min(ClusteredOptions.Sinks, Near.Count);
        var keys = new float[oldLength * _dimension];
        var values = new float[oldLength * _valueDimension];
        Index.CopyTo(keys.AsSpan(sinks * _dimension), values.AsSpan(sinks * _valueDimension));
        ReadNear(0, Near.Count);
        CopyRows(0, sinks, keys, values, 0);
        if (Near.Count > sinks)
        {
            CopyRows(sinks, Near.Count - sinks, keys, values, nearStart);
        }
        Index.Clear();
        Near.Truncate(0);
        for (int start = 0; start < length; start += _options.BlockSize)
        {
            beginBlock(this, start);
            for (int i = start; i < Math.Min(length, start + _options.BlockSize); i++)
            {
                Near.Append(keys.AsSpan(i * _dimension, _dimension), values.AsSpan(i * _valueDimension, _valueDimension));
            }
        }
    }

    public void Dispose()
    {
        Index.Dispose();
        Near.Dispose();
    }

    /// <summary>The first rows read join the index; removed keys do not.</summary>
    private void JoinKept(int count)
    {
        if (!_weighted)
        {
            Index.Join(_keys.AsSpan(0, count * _dimension), _values.AsSpan(0, count * _valueDimension), default, count);
            return;
        }
        float[] keys = [.. _keys.AsSpan(0, count * _dimension)], values = [.. _values.AsSpan(0, count * _valueDimension)];
        float[] logWeights = [.. _logWeights.AsSpan(0, count)];
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (logWeights[i] > QueryBlock.RemovedKey)
            {
                keys.AsSpan(i * _dimension, _dimension).CopyTo(keys.AsSpan(kept * _dimension));
                values.AsSpan(i * _valueDimension, _valueDimension).CopyTo(values.AsSpan(kept * _valueDimension));
                logWeights[kept++] = logWeights[i];
            }
        }
        Index.Join(keys.AsSpan(0, kept * _dimension), values.AsSpan(0, kept * _valueDimension), logWeights.AsSpan(0, kept), kept);
    }

    private void ReadNear(int first, int count)
    {
        if (_logWeights.Length < count)
        {
            _keys = new float[count * _dimension];
            _values = new float[count * _valueDimension];
            _logWeights = new float[count];
        }
        for (int i = 0; i < count; i++)
        {
            Near.ReadKey(first + i, _keys.AsSpan(i * _dimension, _dimension));
            Near.ReadValue(first + i, _values.AsSpan(i * _valueDimension, _valueDimension));
            _logWeights[i] = Near.LogWeight(first + i);
        }
    }

    private void AppendRead(int first, int count)
    {
        for (int i = first; i < first + count; i++)
        {
            Near.Append(_keys.AsSpan(i * _dimension, _dimension), _values.AsSpan(i * _valueDimension, _valueDimension), _logWeights[i]);
        }
    }

    private void CopyRows(int first, int count, float[] keys, float[] values, int to)
    {
        _keys.AsSpan(first * _dimension, count * _dimension).CopyTo(keys.AsSpan(to * _dimension));
        _values.AsSpan(first * _valueDimension, count * _valueDimension).CopyTo(values.AsSpan(to * _valueDimension));
    }
}
