using System.Buffers;
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
    private readonly IFittedScorer _fitted;
    private long _taken;

    private HeadScorer(int head, IFittedScorer fitted)
    {
        (_head, _fitted) = (head, fitted);
    }

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
    public static HeadScorer Fit(IKeyScorer scorer, AttentionCall call, int batch, int head, ReadOnlySpan<int> positions, int selected)
    {
        MatrixView keys = call.Keys(batch, head);
        var context = new ScoringContext(call.Options.Seed, call.Options.Layer, head, positions[0], selected, call.Options.Simd);
        if (positions.Length <= FitKeys && IsRun(positions))
        {
            return new HeadScorer(head, scorer.Fit(Matrix(keys.Slice(positions[0], positions.Length)), context));
        }
        int count = Math.Min(positions.Length, FitKeys);
        float[] gathered = ArrayPool<float>.Shared.Rent(count * keys.Columns);
        for (int i = 0; i < count; i++)
        {
            keys.Row(positions[EvenSpacing.Index(i, count, positions.Length)]).CopyTo(gathered.AsSpan(i * keys.Columns));
        }
        var matrix = new KeyMatrix { Values = gathered.AsSpan(0, count * keys.Columns), Count = count, Dimension = keys.Columns };
        var fitted = new HeadScorer(head, scorer.Fit(matrix, context));
        ArrayPool<float>.Shared.Return(gathered);
        return fitted;
    }

    /// <summary>Scores the keys at ascending positions, runs of neighbours together.</summary>
    public void Score(AttentionCall call, int batch, ReadOnlySpan<int> positions, Span<float> scores)
    {
        MatrixView keys = call.Keys(batch, _head);
        for (int start = 0, end; start < positions.Length; start = end)
        {
            end = start + 1;
            while (end < positions.Length && positions[end] == positions[end - 1] + 1)
            {
                end++;
            }
            int first = positions[start];
            _fitted.Score(Matrix(keys.Slice(first, end - start)), first, scores[start..end]);
        }
    }

    public void Dispose() => _fitted.Dispose();

    private static bool IsRun(ReadOnlySpan<int> positions) => positions[^1] - positions[0] == positions.Length - 1;

    private static KeyMatrix Matrix(MatrixView rows) => new()
    {
        Values = rows.Span,
        Count = rows.Rows,
        Dimension = rows.Columns,
        Stride = checked((int)rows.Stride),
    };
}
