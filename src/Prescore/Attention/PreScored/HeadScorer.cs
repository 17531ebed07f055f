using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Attention.PreScored;

/// <summary>A scorer fitted on some keys of a key/value head, which scores these and others of that head.</summary>
internal sealed class HeadScorer : IDisposable
{
    /// <summary>Keys that a scorer is fitted on at most; of more, that many evenly spaced ones are taken.</summary>
    public const int FitKeys = 1024;

    private readonly int _head;
    private readonly int _selected;
    private readonly bool _takesValues;
    private readonly IFittedScorer _fitted;
    private long _taken;

    private HeadScorer(int head, int selected, bool takesValues, IFittedScorer fitted) =>
        (_head, _selected, _takesValues, _fitted) = (head, selected, takesValues, fitted);

    /// <summary>Key-side products computed since the last call.</summary>
    public long TakeIndexProducts()
    {
        long taken = _fitted.IndexProducts - _taken;
        _taken += taken;
        return taken;
    }

    /// <summary>Fits a scorer.</summary>
    /// <param name="scorer">The scorer.</param>
    /// <param name="call">The call.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="positions">Positions of the keys to fit on, ascending, at least one.</param>
    /// <param name="selected">How many keys will be selected.</param>
    /// <param name="queries">Queries seen so far, where the scorer asks for them.</param>
    public static HeadScorer Fit(
        IKeyScorer scorer, AttentionCall call, int batch, int head, ReadOnlySpan<int> positions, int selected, KeyMatrix queries)
    {
        bool takesValues = scorer.Needs.HasFlag(ScorerNeeds.Values);
        int count = Math.Min(positions.Length, FitKeys);
        int[] sample = new int[count];
        for (int i = 0; i < count; i++)
        {
            sample[i] = positions[EvenSpacing.Index(i, count, positions.Length)];
        }
        using var keys = new GatheredRows(call.Keys(batch, head), sample);
        using var values = new GatheredRows(call.Values(batch, head), takesValues ? sample : []);
        ScoringContext context = Context(call, head, positions[0], selected) with { Positions = sample, Values = values.Matrix, Queries = queries };
        return new HeadScorer(head, selected, takesValues, scorer.Fit(keys.Matrix, context));
    }

    /// <summary>Scores the keys at ascending positions, runs of neighbours together.</summary>
    public void Score(AttentionCall call, int batch, ReadOnlySpan<int> positions, Span<float> scores)
    {
        MatrixView keys = call.Keys(batch, _head), values = call.Values(batch, _head);
        for (int start = 0, end; start < positions.Length; start = end)
        {
            end = start + 1;
            while (end < positions.Length && positions[end] == positions[end - 1] + 1)
            {
                end++;
            }
            ScoringContext context = Context(call, _head, positions[start], _selected);
            if (_takesValues)
            {
                context = context with { Values = GatheredRows.InPlace(values.Slice(positions[start], end - start)) };
            }
            _fitted.Score(GatheredRows.InPlace(keys.Slice(positions[start], end - start)), context, scores[start..end]);
        }
    }

    public void Dispose() => _fitted.Dispose();

    private static ScoringContext Context(AttentionCall call, int head, int firstPosition, int selected) =>
        new(call.Options.Seed, call.Options.Layer, head, firstPosition, selected, call.Options.Simd);
}
