using System.Buffers;
using Prescore.Attention.Core;
using Prescore.Attention.Hyper;
using Prescore.Attention.Window;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Attention.PreScored;

/// <summary>
/// The s keys of a segment that a scorer, fitted on that segment alone, ranks highest. Where attention is causal, the
/// sinks are not ranked: every query computes them. A segment of at most s ranked keys stays whole.
/// </summary>
internal sealed class TopOfSegment(IKeyScorer scorer, int selected) : ISegmentSelection
{
    public SegmentCount Count(int firstKey, int keys, bool causal)
    {
        int sinks = causal ? Math.Clamp(WindowAttention.Sinks - firstKey, 0, keys) : 0;
        return selected >= keys - sinks ? new SegmentCount(keys, 0) : new SegmentCount(selected, sinks);
    }

    public SegmentKeys Select(AttentionCall call, int batch, int head, int firstKey, int endKey)
    {
        int endSinks = call.Causal ? Math.Clamp(WindowAttention.Sinks, firstKey, endKey) : firstKey;
        int[] ranked = KeptKeys.Between(call, batch, head, endSinks, endKey);
        if (selected >= ranked.Length)
        {
            return new SegmentKeys(KeptKeys.Between(call, batch, head, firstKey, endKey), []);
        }
        return new SegmentKeys(Top(call, batch, head, ranked), KeptKeys.Between(call, batch, head, firstKey, endSinks));
    }

    /// <summary>The top s of listed keys, ascending; all where there are no more.</summary>
    /// <param name="call">The call.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="positions">Positions of the keys, ascending.</param>
    /// <param name="queries">Queries seen, where the scorer asks for them.</param>
    public int[] Top(AttentionCall call, int batch, int head, int[] positions, KeyMatrix queries = default)
    {
        if (selected >= positions.Length)
        {
            return positions;
        }
        using HeadScorer fitted = HeadScorer.Fit(scorer, call, batch, head, positions, selected, queries);
        float[] scores = ArrayPool<float>.Shared.Rent(positions.Length);
        fitted.Score(call, batch, positions, scores.AsSpan(0, positions.Length));
        int[] top = new int[selected];
        SelectionResult result = TopSelection.Select(scores.AsSpan(0, positions.Length), selected, top);
        ArrayPool<float>.Shared.Return(scores);
        for (int i = 0; i < top.Length; i++)
        {
            top[i] = positions[top[i]];
        }
        call.Work.AddFlatSelections(result.Flat ? 1 : 0);
        call.Work.AddIndexProducts(fitted.TakeIndexProducts());
        return top;
    }
}
