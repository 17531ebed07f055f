using System.Buffers;
using System.Diagnostics;
using Prescore.Attention.Core;
using Prescore.Attention.Hyper;
using Prescore.Attention.Window;
using Prescore.Scoring;

namespace Prescore.Attention.PreScored;

/// <summary>
/// The s far keys that each block of queries of one key/value head attends, scored from the keys before the block
/// alone. Block b = positions [256·b, 256·(b + 1)); its near keys start at 256·b − w, its far keys are those before
/// them without the sinks. The scorer is fitted anew when the far keys have grown 1.3-fold since the last fit, and then
/// scores all of them; until the next fit, it scores new keys as they arrive. All of that is fixed by absolute
/// positions, so a call that starts in the middle of a prompt makes the same selections.
/// </summary>
internal sealed class StreamingSelection : IDisposable
{
    /// <summary>Positions of a block.</summary>
    public const int BlockPositions = 256;

    private readonly AttentionCall _call;
    private readonly int _batch;
    private readonly int _head;
    private readonly int _selected;
    private readonly int _window;
    private readonly int[] _far;
    private readonly int[] _epochs;

    /// <summary>Plans the selections of blocks 0 … <paramref name="endBlock"/> − 1.</summary>
    public StreamingSelection(AttentionCall call, int batch, int head, int selected, int window, int endBlock)
    {
        (_call, _batch, _head, _selected, _window) = (call, batch, head, selected, window);
        _far = KeptKeys.Between(call, batch, head, WindowAttention.Sinks, NearStart(endBlock - 1, window));
        _epochs = new int[endBlock];
        Epochs = PlanEpochs();
    }

    /// <summary>The fits, in order; each serves the blocks from its own to the next fit's.</summary>
    public Epoch[] Epochs { get; }

    /// <summary>First near key of a block that is not a sink.</summary>
    public static int NearStart(int block, int window) =>
        (int)Math.Max(WindowAttention.Sinks, (long)block * BlockPositions - window);

    /// <summary>Fits the scorer for one epoch and scores the keys that its blocks rank.</summary>
    public void Score(Epoch epoch, IKeyScorer scorer)
    {
        int count = FarCount(epoch.EndBlock - 1);
        if (count <= _selected)
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        int known = FarCount(epoch.FirstBlock);
        HeadScorer fitted = HeadScorer.Fit(scorer, _call, _batch, _head, _far.AsSpan(0, known), _selected);
        epoch.Scores = ArrayPool<float>.Shared.Rent(count);
        fitted.Score(_far.AsSpan(0, known), epoch.Scores);
        for (int block = epoch.FirstBlock + 1; block < epoch.EndBlock; block++)
        {
            int grown = FarCount(block);
            fitted.Score(_far.AsSpan(known, grown - known), epoch.Scores.AsSpan(known));
            known = grown;
        }
        _call.Work.AddIndexProducts(fitted.IndexProducts);
        _call.Work.AddIndexTime(start);
    }

    /// <summary>Adds the far keys of a block, ascending.</summary>
    public void AddTo(KeyGather keys, int block)
    {
        ReadOnlySpan<int> far = _far.AsSpan(0, FarCount(block));
        if (far.Length <= _selected)
        {
            keys.Add(far);
            return;
        }
        long start = Stopwatch.GetTimestamp();
        int[] top = ArrayPool<int>.Shared.Rent(_selected);
        float[] scores = Epochs[_epochs[block]].Scores!;
        SelectionResult result = TopSelection.Select(scores.AsSpan(0, far.Length), _selected, top);
        _call.Work.AddIndexTime(start);
        _call.Work.AddFlatSelections(result.Flat ? 1 : 0);
        foreach (int index in top.AsSpan(0, result.Count))
        {
            keys.Add(far[index]);
        }
        ArrayPool<int>.Shared.Return(top);
    }

    public void Dispose()
    {
        foreach (Epoch epoch in Epochs)
        {
            if (epoch.Scores is not null)
            {
                ArrayPool<float>.Shared.Return(epoch.Scores);
                epoch.Scores = null;
            }
        }
    }

    /// <summary>Number of far keys of a block: the first that many of the list.</summary>
    private int FarCount(int block)
    {
        int index = _far.AsSpan().BinarySearch(NearStart(block, _window));
        return index < 0 ? ~index : index;
    }

    private Epoch[] PlanEpochs()
    {
        var epochs = new List<Epoch>();
        int fitted = 0;
        for (int block = 0; block < _epochs.Length; block++)
        {
            int far = FarCount(block);
            if (far > 0 && 10L * far >= 13L * fitted)
            {
                epochs.Add(new Epoch { FirstBlock = block });
                fitted = far;
            }
            if (epochs.Count > 0)
            {
                _epochs[block] = epochs.Count - 1;
                epochs[^1].EndBlock = block + 1;
            }
        }
        return [.. epochs];
    }

    /// <summary>The blocks that one fit serves.</summary>
    internal sealed class Epoch
    {
        /// <summary>The block whose far keys the scorer is fitted on.</summary>
        public required int FirstBlock { get; init; }

        /// <summary>One beyond the last block served.</summary>
        public int EndBlock { get; set; }

        /// <summary>Scores of the far keys known to the last block served; null where no block has to choose.</summary>
        public float[]? Scores { get; set; }
    }
}
