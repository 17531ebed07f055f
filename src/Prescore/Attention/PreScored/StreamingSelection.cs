using System.Buffers;
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
internal sealed class StreamingSelection : IDisposable
{
    private readonly AttentionCall _call;
    private readonly int _batch;
    private readonly int _head;
    private readonly int _selected;
    private readonly FarKeys _far;
    private readonly float[]?[] _scores;

    /// <summary>Plans the selections of blocks 0 … <paramref name="endBlock"/> − 1.</summary>
    public StreamingSelection(AttentionCall call, int batch, int head, int selected, int window, int endBlock)
    {
        (_call, _batch, _head, _selected) = (call, batch, head, selected);
        _far = new FarKeys(call, batch, head, WindowAttention.Sinks, window, endBlock);
        _scores = new float[]?[_far.Epochs.Length];
    }

    /// <summary>The far keys of each block.</summary>
    public FarKeys Far => _far;

    /// <summary>Fits the scorer for one epoch and scores the keys that its blocks rank.</summary>
    public void Score(int epoch, IKeyScorer scorer)
    {
        (int firstBlock, int endBlock) = _far.Epochs[epoch];
        ReadOnlySpan<int> all = _far.Of(endBlock - 1);
        if (all.Length <= _selected)
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        int known = _far.Of(firstBlock).Length;
        HeadScorer fitted = HeadScorer.Fit(scorer, _call, _batch, _head, all[..known], _selected);
        float[] scores = ArrayPool<float>.Shared.Rent(all.Length);
        fitted.Score(all[..known], scores);
        for (int block = firstBlock + 1; block < endBlock; block++)
        {
            int grown = _far.Of(block).Length;
            fitted.Score(all[known..grown], scores.AsSpan(known));
            known = grown;
        }
        _scores[epoch] = scores;
        _call.Work.AddIndexProducts(fitted.IndexProducts);
        _call.Work.AddIndexTime(start);
    }

    /// <summary>Which far keys of a block are selected: indices into <see cref="FarKeys.Of"/>, ascending; room for s.</summary>
    /// <returns>How many.</returns>
    public int Select(int block, Span<int> selected)
    {
        long start = Stopwatch.GetTimestamp();
        SelectionResult result = Choose(block, selected);
        _call.Work.AddIndexTime(start);
        _call.Work.AddFlatSelections(result.Flat ? 1 : 0);
        return result.Count;
    }

    /// <summary>Positions of the far keys of a block that are not selected, ascending.</summary>
    public int[] LeftAt(int block)
    {
        ReadOnlySpan<int> far = _far.Of(block);
        var selected = new int[Math.Min(_selected, far.Length)];
        int count = Choose(block, selected).Count;
        var left = new int[far.Length - count];
        int next = 0;
        for (int i = 0; i < far.Length; i++)
        {
            if (next < count && selected[next] == i)
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

    public void Dispose()
    {
        for (int epoch = 0; epoch < _scores.Length; epoch++)
        {
            if (_scores[epoch] is { } scores)
            {
                ArrayPool<float>.Shared.Return(scores);
                _scores[epoch] = null;
            }
        }
    }

    private SelectionResult Choose(int block, Span<int> selected)
    {
        int far = _far.Of(block).Length;
        if (far > _selected)
        {
            return TopSelection.Select(_scores[_far.EpochOf(block)].AsSpan(0, far), _selected, selected);
        }
        for (int i = 0; i < far; i++)
        {
            selected[i] = i;
        }
        return new SelectionResult(far, Flat: false);
    }
}
