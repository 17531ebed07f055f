using System.Diagnostics;
using Prescore.Attention.Core;
using Prescore.Attention.Window;
using Prescore.Scoring;

namespace Prescore.Attention.PreScored;

/// <summary>
/// The s far keys (see <see cref="FarKeys"/>) that each block of queries of one key/value head attends, scored from the
/// keys before the block alone. The scorer is fitted anew at the first block of an epoch and then scores all far keys;
/// until the next fit, it scores new keys as they arrive.
/// </summary>
internal sealed class StreamingSelection(IKeyScorer scorer, int batch, int head, int selected, int window) : IDisposable
{
    private readonly List<EpochScores> _scores = [];
    private readonly ObservedQueries? _observed = scorer.Needs.HasFlag(ScorerNeeds.Queries) ? new ObservedQueries(batch, head) : null;
    private Choice? _last;

    /// <summary>The far keys of each block.</summary>
    public FarKeys Far { get; } = new(WindowAttention.Sinks, window);

    /// <summary>Bytes held.</summary>
    public long Bytes => Far.Bytes + (_observed?.Bytes ?? 0) + sizeof(float) * _scores.Sum(epoch => (long)epoch.Values.Length);

    /// <summary>Plans the selections of the blocks up to <paramref name="endBlock"/>, and keeps queries for a scorer that asks for them.</summary>
    public void Plan(AttentionCall call, int endBlock)
    {
        _observed?.Take(call);
        Far.Plan(call, batch, head, endBlock);
        while (_scores.Count < Far.Epochs.Count)
        {
            _scores.Add(new EpochScores { Block = Far.Epochs[_scores.Count].FirstBlock });
        }
    }

    /// <summary>Fits the scorer for one epoch, where it is not, and scores the keys that its blocks rank.</summary>
    public void Score(AttentionCall call, int epoch)
    {
        (int firstBlock, int endBlock) = Far.Epochs[epoch];
        EpochScores scores = _scores[epoch];
        ReadOnlySpan<int> all = Far.Of(endBlock - 1);
        if (all.Length <= selected || (scores.Fitted is not null && scores.Block == endBlock - 1))
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        scores.Reserve(all.Length);
        int known = Far.Of(scores.Block).Length;
        if (scores.Fitted is null)
        {
            scores.Block = firstBlock;
            known = Far.Of(firstBlock).Length;
            scores.Fitted = HeadScorer.Fit(
                scorer, call, batch, head, all[..known], selected, _observed is null ? default : _observed.Before(firstBlock, call.Shape.HeadDimension));
            scores.Fitted.Score(call, batch, all[..known], scores.Values);
        }
        for (; scores.Block < endBlock - 1; scores.Block++)
        {
            int grown = Far.Of(scores.Block + 1).Length;
            scores.Fitted.Score(call, batch, all[known..grown], scores.Values.AsSpan(known));
            known = grown;
        }
        call.Work.AddIndexProducts(scores.Fitted.TakeIndexProducts());
        call.Work.AddIndexTime(start);
    }

    /// <summary>Which far keys of a block are selected: indices into <see cref="FarKeys.Of"/>, ascending.</summary>
    public ReadOnlySpan<int> Select(AttentionCall call, int block)
    {
        // In decode the tokens of a block come one by one: its choice is kept.
        Choice? choice = Volatile.Read(ref _last);
        if (choice?.Block == block)
        {
            return choice.Indices;
        }
        long start = Stopwatch.GetTimestamp();
        var indices = new int[Math.Min(selected, Far.Of(block).Length)];
        SelectionResult result = Choose(block, indices);
        Volatile.Write(ref _last, new Choice(block, indices[..result.Count]));
        call.Work.AddIndexTime(start);
        call.Work.AddFlatSelections(result.Flat ? 1 : 0);
        return indices.AsSpan(0, result.Count);
    }

    /// <summary>Forgets what needs keys from position <paramref name="length"/> on; returns how many blocks are left.</summary>
    public int Truncate(int length)
    {
        int blocks = Far.Truncate(length);
        _observed?.Truncate(length);
        _scores.Skip(Far.Epochs.Count).ToList().ForEach(epoch => epoch.Fitted?.Dispose());
        _scores.RemoveRange(Far.Epochs.Count, _scores.Count - Far.Epochs.Count);
        _scores.ForEach(epoch => epoch.Block = Math.Min(epoch.Block, blocks - 1));
        _last = _last?.Block < blocks ? _last : null;
        return blocks;
    }

    /// <summary>Positions of the far keys of a block that are not selected, ascending.</summary>
    public int[] LeftAt(int block)
    {
        ReadOnlySpan<int> far = Far.Of(block);
        var chosen = new int[Math.Min(selected, far.Length)];
        int count = Choose(block, chosen).Count;
        var left = new int[far.Length - count];
        int next = 0;
        for (int i = 0; i < far.Length; i++)
        {
            if (next < count && chosen[next] == i)
            {
                next++;
            }
            else
            {
                left[i - next] = far[i];
            }
        }
        return left;
    }

    /// <summary>Hands on what is not derived from the keys.</summary>
    public void CopyTo(StreamingSelection fork)
    {
        if (fork._observed is not null)
        {
            _observed?.CopyTo(fork._observed);
        }
    }

    public void Dispose() => _scores.ForEach(epoch => epoch.Fitted?.Dispose());

    private SelectionResult Choose(int block, Span<int> indices)
    {
        int far = Far.Of(block).Length;
        if (far > selected)
        {
            return TopSelection.Select(_scores[Far.EpochOf(block)].Values.AsSpan(0, far), selected, indices);
        }
        for (int i = 0; i < far; i++)
        {
            indices[i] = i;
        }
        return new SelectionResult(far, Flat: false);
    }

    /// <summary>The far keys that a block has chosen.</summary>
    private sealed record Choice(int Block, int[] Indices);

    /// <summary>What one fit gives.</summary>
    private sealed class EpochScores
    {
        /// <summary>The scorer; null while no block has had to choose.</summary>
        public HeadScorer? Fitted { get; set; }

        /// <summary>The last block whose far keys are scored.</summary>
        public int Block { get; set; }

        /// <summary>Scores of the far keys.</summary>
        public float[] Values { get; private set; } = [];

        public void Reserve(int count)
        {
            if (Values.Length < count)
            {
                float[] values = Values;
                Array.Resize(ref values, Fitted is null ? count : count + count / 4);
                Values = values;
            }
        }
    }
}
