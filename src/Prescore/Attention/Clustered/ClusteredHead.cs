using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Clustered attention's state of one key/value head and its query heads: far keys in the index, sinks and recent keys in
/// the near region, the effort control. Heads know nothing of each other, so they advance block by block side by side.
/// </summary>
internal sealed class ClusteredHead : IDisposable
{
    private readonly ClusteredOptions _options;
    private readonly int _firstQueryHead;
    private readonly int _group;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly bool _weighted;
    private float[] _keys = [];
    private float[] _values = [];
    private float[] _logWeights = [];

    public ClusteredHead(ClusteredOptions options, AttentionOptions run, CacheShape shape, int head, bool weighted)
    {
        _options = options;
        _group = shape.QueryHeads / shape.KeyValueHeads;
        _firstQueryHead = head * _group;
        _dimension = shape.HeadDimension;
        _valueDimension = shape.ValueDimension;
        _weighted = weighted;
        Head = head;
        Queries = new QuerySample(options, _dimension, _group);
        Index = new KeyIndex(new IndexSettings(options, run, head, _dimension, _valueDimension, weighted, Queries.Moment));
        Near = KeyRegion.Create(run.Simd, _dimension, _valueDimension, options.Storage, weighted);
        Near.Reserve(ClusteredOptions.Sinks + options.Near + options.BlockSize);
        Effort = new EffortControl(_firstQueryHead, _group, options);
        Tally = new HeadTally(_group);
        Chosen = new int[_group];
    }

    /// <summary>Number of the key/value head.</summary>
    public int Head { get; }

    /// <summary>Far keys.</summary>
    public KeyIndex Index { get; }

    /// <summary>Sinks, then the keys from the near part's first position on.</summary>
    public KeyRegion Near { get; }

    /// <summary>Sampled queries, which shape the sketches.</summary>
    public QuerySample Queries { get; }

    /// <summary>What probes have shown.</summary>
    public EffortControl Effort { get; }

    /// <summary>Work of the query heads.</summary>
    public HeadTally Tally { get; }

    /// <summary>The current block; −1 before the first.</summary>
    public int Block { get; private set; } = -1;

    /// <summary>Step of the ladder of every query head of the group in the current block.</summary>
    public int[] Chosen { get; private set; }

    /// <summary>Probe positions of the current block.</summary>
    public int[] Probes { get; private set; } = [];

    /// <summary>Budget of the current block; null: none.</summary>
    public BlockCaps? Caps { get; private set; }

    /// <summary>First position of the current block.</summary>
    public int BlockStart => Block * _options.BlockSize;

    /// <summary>Bytes held.</summary>
    public long Bytes => Index.Bytes + Near.Bytes + Queries.Bytes + sizeof(float) * ((long)_keys.Length + _values.Length);

    /// <summary>Appends tokens to the near part.</summary>
    public void Append(MatrixView keys, MatrixView values, ReadOnlySpan<float> logWeights, int firstRow, int count)
    {
        for (int row = firstRow; row < firstRow + count; row++)
        {
            Near.Append(keys.Row(row), values.Row(row), logWeights.IsEmpty ? 0 : Math.Max(logWeights[row], QueryBlock.RemovedKey));
        }
    }

    /// <summary>Opens the next block: the near part shrinks to its beginning and the rest joins the index.</summary>
    public void MoveToIndex()
    {
        Block++;
        Queries.TakeBefore(BlockStart);
        int sinks = ClusteredOptions.Sinks;
        int count = Block == 0 ? 0 : _options.NearStart(BlockStart) - _options.NearStart(BlockStart - _options.BlockSize);
        if (count <= 0)
        {
            return;
        }
        int rest = Near.Count - sinks - count;
        ReadNear(sinks, count + rest);
        JoinKept(count);
        Near.Truncate(sinks);
        for (int i = count; i < count + rest; i++)
        {
            Near.Append(_keys.AsSpan(i * _dimension, _dimension), _values.AsSpan(i * _valueDimension, _valueDimension), _logWeights[i]);
        }
    }

    /// <summary>With the index in place: p, probes and budget of the block, which follow from earlier blocks alone.</summary>
    public void BeginBlock()
    {
        SetBlock();
        Tally.BeginBlock(
            Block,
            [.. Chosen.Select(effort => Index.Count == 0 ? BlockKind.Near
                : effort == EffortLadder.Exact ? BlockKind.Exact : BlockKind.Screened)]);
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    /// <param name="oldLength">Tokens held.</param>
    /// <param name="length">Tokens to keep.</param>
    public void Rewind(int oldLength, int length)
    {
        Effort.Rewind(length);
        Queries.Rewind(length);
        Tally.Rewind(length, _options.BlockSize);
        if (length < BlockStart || (length == BlockStart && length < oldLength))
        {
            Replay(this, length);
        }
        else
        {
            Near.Truncate(length == 0 ? 0 : _options.NearCount(length - 1));
        }
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on that an interrupted append may have left.</summary>
    public void Restore(int length)
    {
        Effort.Rewind(length);
        Queries.Rewind(length);
        Tally.Rewind(length, _options.BlockSize);
        Replay(this, length);
    }

    /// <summary>Takes over the state of another head with <paramref name="length"/> tokens; this one is new.</summary>
    public void CopyFrom(ClusteredHead other, int length)
    {
        Effort.CopyFrom(other.Effort);
        Queries.CopyFrom(other.Queries);
        Tally.CopyFrom(other.Tally);
        Replay(other, length);
    }

    /// <summary>One certificate a query head.</summary>
    public IEnumerable<HeadCertificate> Certificates(int layer)
    {
        ILookup<int, ProbeRecord> records = Effort.Records.OrderBy(record => record.Position).ToLookup(record => record.Head);
        return Enumerable.Range(0, _group).Select(member => CertificateSummary.Of(
            [.. records[_firstQueryHead + member]],
            _options.BlockSize,
            Tally.Certificate(member, layer, _firstQueryHead + member, Chosen[member])));
    }

    public void Dispose()
    {
        Index.Dispose();
        Near.Dispose();
    }

    private void SetBlock()
    {
        Chosen = Effort.Choose(BlockStart, Index.Count, Index.Clusters);
        Probes = Index.Count == 0 ? [] : ProbeSchedule.Positions(_options, Block);
        Caps = _options.Budget < 1 ? new BlockCaps(_options, BlockStart, Probes, Index.Clusters) : null;
    }

    /// <summary>Tokens in index and near part.</summary>
    private int Held() => Block <= 0
        ? Near.Count
        : _options.NearStart(BlockStart) + Near.Count - ClusteredOptions.Sinks;

    /// <summary>Rebuilds index and near part from a head's stored keys by replaying the blocks of the tokens to keep.</summary>
    private void Replay(ClusteredHead from, int length)
    {
        int held = from.Held();
        int sinks = Math.Min(ClusteredOptions.Sinks, from.Near.Count);
        var keys = new float[held * _dimension];
        var values = new float[held * _valueDimension];
        from.Index.CopyTo(keys.AsSpan(sinks * _dimension), values.AsSpan(sinks * _valueDimension));
        from.ReadNear(0, from.Near.Count);
        from.CopyRows(0, sinks, keys, values, 0);
        if (from.Near.Count > sinks)
        {
            from.CopyRows(sinks, from.Near.Count - sinks, keys, values, _options.NearStart(from.BlockStart));
        }
        Index.Clear();
        Queries.Restart();
        Near.Truncate(0);
        Block = -1;
        for (int start = 0; start < length; start += _options.BlockSize)
        {
            MoveToIndex();
            Index.RefineIfDue();
            for (int i = start; i < Math.Min(length, start + _options.BlockSize); i++)
            {
                Near.Append(keys.AsSpan(i * _dimension, _dimension), values.AsSpan(i * _valueDimension, _valueDimension));
            }
        }
        if (length > 0)
        {
            SetBlock();
            return;
        }
        // As in a new head: certificates show the step.
        (Chosen, Probes, Caps) = (new int[_group], [], null);
    }

    /// <summary>The first rows read join the index; removed keys do not.</summary>
    private void JoinKept(int count)
    {
        int[] rows = _weighted ? [.. Enumerable.Range(0, count).Where(i => _logWeights[i] > QueryBlock.RemovedKey)] : [];
        int kept = _weighted ? rows.Length : count;
        if (kept == count)
        {
            Index.Join(_keys.AsSpan(0, count * _dimension), _values.AsSpan(0, count * _valueDimension), _weighted ? _logWeights.AsSpan(0, count) : default, count);
            return;
        }
        float[] keys = [.. rows.SelectMany(i => _keys.AsSpan(i * _dimension, _dimension).ToArray())];
        float[] values = [.. rows.SelectMany(i => _values.AsSpan(i * _valueDimension, _valueDimension).ToArray())];
        Index.Join(keys, values, [.. rows.Select(i => _logWeights[i])], kept);
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

    private void CopyRows(int first, int count, float[] keys, float[] values, int to)
    {
        _keys.AsSpan(first * _dimension, count * _dimension).CopyTo(keys.AsSpan(to * _dimension));
        _values.AsSpan(first * _valueDimension, count * _valueDimension).CopyTo(values.AsSpan(to * _valueDimension));
    }
}
