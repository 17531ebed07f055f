using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Clustered attention's state of one key/value head and its query heads: far keys in the index, sinks and recent keys in
/// the near region, the choice of thresholds. Heads know nothing of each other, so they advance block by block side by side.
/// </summary>
internal sealed partial class ClusteredHead : IDisposable
{
    private readonly ClusteredOptions _options;
    private readonly int _firstQueryHead;
    private readonly int _group;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly float[] _key;
    private readonly float[] _value;

    public ClusteredHead(ClusteredOptions options, AttentionOptions run, CacheShape shape, int head, bool weighted)
    {
        _options = options;
        _group = shape.QueryHeads / shape.KeyValueHeads;
        _firstQueryHead = head * _group;
        _dimension = shape.HeadDimension;
        _valueDimension = shape.ValueDimension;
        _key = new float[_dimension];
        _value = new float[_valueDimension];
        Head = head;
        Queries = new QuerySample(options, _dimension, _group);
        Index = new KeyIndex(new IndexSettings(options, run, head, _dimension, _valueDimension, weighted, Queries.Moment));
        Near = KeyRegion.Create(run.Simd, _dimension, _valueDimension, weighted);
        Near.Reserve(ClusteredOptions.Sinks + options.Near + options.BlockSize);
        Threshold = new ThresholdControl(_firstQueryHead, _group, options);
        Tally = new HeadTally(_group);
        Chosen = new int[_group];
    }

    /// <summary>Number of the key/value head.</summary>
    public int Head { get; }

    /// <summary>Far keys.</summary>
    public KeyIndex Index { get; }

    /// <summary>Sinks, then the keys from the near part's first position on; rounded as the far part stores them.</summary>
    public KeyRegion Near { get; }

    /// <summary>Sampled queries, which shape the sketches.</summary>
    public QuerySample Queries { get; }

    /// <summary>What probes have shown.</summary>
    public ThresholdControl Threshold { get; }

    /// <summary>Work of the query heads.</summary>
    public HeadTally Tally { get; }

    /// <summary>The current block; −1 before the first.</summary>
    public int Block { get; private set; } = -1;

    /// <summary>Threshold of every query head of the group in the current block.</summary>
    public int[] Chosen { get; private set; }

    /// <summary>Probe positions of the current block.</summary>
    public int[] Probes { get; private set; } = [];

    /// <summary>Budget of the current block; null: none.</summary>
    public BlockCaps? Caps { get; private set; }

    /// <summary>First position of the current block.</summary>
    public int BlockStart => Block * _options.BlockSize;

    /// <summary>Bytes held.</summary>
    public long Bytes => Index.Bytes + Near.Bytes + Queries.Bytes + Threshold.Bytes;

    /// <summary>Appends tokens to the near part.</summary>
    public void Append(MatrixView keys, MatrixView values, ReadOnlySpan<float> logWeights, int firstRow, int count)
    {
        for (int row = firstRow; row < firstRow + count; row++)
        {
            float logWeight = logWeights.IsEmpty ? 0 : Math.Max(logWeights[row], QueryBlock.RemovedKey);
            if (logWeight == QueryBlock.RemovedKey)
            {
                // Its weight is not quite 0.
                Array.Clear(_key);
                Array.Clear(_value);
            }
            else
            {
                // As it will be in the far part: so rewinding into a block finds what there was.
                ShortCodes.Round(keys.Row(row), ShortCodes.KeyLevels, _key);
                ShortCodes.Round(values.Row(row), ShortCodes.ValueLevels, _value);
            }
            Near.Append(_key, _value, logWeight);
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
        int joining = 0;
        for (int i = sinks; i < sinks + count; i++)
        {
            // Removed keys do not join.
            if (Near.LogWeight(i) > QueryBlock.RemovedKey)
            {
                Near.ReadKey(i, _key);
                Near.ReadValue(i, _value);
                Index.Store.Append(_key, _value, Near.LogWeight(i));
                joining++;
            }
        }
        Index.Join(joining);
        Near.Remove(sinks, count);
    }

    /// <summary>With the index in place: p, probes and budget of the block, which follow from earlier blocks alone.</summary>
    public void BeginBlock()
    {
        SetBlock();
        Tally.BeginBlock(
            Block,
            [.. Chosen.Select(chosenThreshold => Index.Count == 0 ? BlockKind.Near
                : chosenThreshold == Thresholds.Exact ? BlockKind.Exact : BlockKind.Screened)]);
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    /// <param name="oldLength">Tokens held.</param>
    /// <param name="length">Tokens to keep.</param>
    public void Rewind(int oldLength, int length)
    {
        Threshold.Rewind(length);
        Queries.Rewind(length);
        Tally.Rewind(length, _options.BlockSize);
        if (length < BlockStart || (length == BlockStart && length < oldLength))
        {
            Replay(length);
        }
        else
        {
            Near.Truncate(length == 0 ? 0 : _options.NearCount(length - 1));
        }
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on that an interrupted append may have left.</summary>
    public void Restore(int length)
    {
        Threshold.Rewind(length);
        Queries.Rewind(length);
        Tally.Rewind(length, _options.BlockSize);
        Replay(length);
    }

    /// <summary>Takes over the state of another head with <paramref name="length"/> tokens; this one is new.</summary>
    public void CopyFrom(ClusteredHead other, int length)
    {
        Threshold.CopyFrom(other.Threshold);
        Queries.CopyFrom(other.Queries);
        Tally.CopyFrom(other.Tally);
        Index.Store.CopyFrom(other.Index.Store);
        for (int i = 0; i < other.Near.Count; i++)
        {
            other.Near.ReadKey(i, _key);
            other.Near.ReadValue(i, _value);
            Near.Append(_key, _value);
        }
        Replay(length);
    }

    /// <summary>One certificate a query head.</summary>
    public IEnumerable<HeadCertificate> Certificates(int layer)
    {
        ILookup<int, ProbeRecord> records = Threshold.Records.OrderBy(record => record.Position).ToLookup(record => record.Head);
        return CertificateSummary.Of(
            [.. Enumerable.Range(_firstQueryHead, _group).Select(head => records[head].ToArray())],
            _options.BlockSize,
            [.. Enumerable.Range(0, _group).Select(member => Tally.Certificate(member, layer, _firstQueryHead + member, Chosen[member]))]);
    }

    public void Dispose()
    {
        Index.Dispose();
        Near.Dispose();
    }

    private void SetBlock()
    {
        Chosen = Threshold.Choose(BlockStart, Index.Count, Index.Clusters);
        Probes = Index.Count == 0 ? [] : ProbeSchedule.Positions(_options, Block);
        Caps = _options.Budget < 1 ? new BlockCaps(_options, BlockStart, Probes, Index.Clusters) : null;
    }

    /// <summary>Rebuilds index and near part from the stored keys by replaying the blocks of the tokens to keep.</summary>
    private void Replay(int length)
    {
        int sinks = ClusteredOptions.Sinks, block = Math.Max(0, length - 1) / _options.BlockSize;
        int near = _options.NearStart(block * _options.BlockSize), far = length == 0 ? 0 : near - sinks;
        // What was near is behind what was far: both are there, one after the other.
        for (int i = sinks; i < Near.Count && Index.Store.Count < length - sinks; i++)
        {
            Near.ReadKey(i, _key);
            Near.ReadValue(i, _value);
            Index.Store.Append(_key, _value, 0);
        }
        Near.Truncate(Math.Min(sinks, length));
        for (int position = near; position < length; position++)
        {
            Index.Store.ReadKey(position - sinks, _key);
            Index.Store.ReadValue(position - sinks, _value);
            Near.Append(_key, _value);
        }
        Index.Clear();
        Queries.Restart();
        for (Block = 0; Block <= block; Block++)
        {
            Queries.TakeBefore(BlockStart);
            Index.Join(Math.Max(0, _options.NearStart(BlockStart) - sinks) - Index.Count);
        }
        Block = length == 0 ? -1 : block;
        Index.Store.Truncate(far);
        Index.Store.Trim();
        if (length > 0)
        {
            SetBlock();
            return;
        }
        // As in a new head: certificates show the step.
        (Chosen, Probes, Caps) = (new int[_group], [], null);
    }
}
