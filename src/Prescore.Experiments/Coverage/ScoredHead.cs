using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Experiments.Coverage;

/// <summary>What scorers may look at of one key/value head.</summary>
/// <param name="layer">Model layer.</param>
/// <param name="head">Key/value head.</param>
/// <param name="keys">Keys [n, d].</param>
/// <param name="values">Values [n, d_v].</param>
/// <param name="queries">Queries [m, d] of the last <see cref="CoverageSettings.ObservedPositions"/> positions, times attention's scale.</param>
/// <param name="dimension">Size d of a key.</param>
internal sealed class ScoredHead(int layer, int head, float[] keys, float[] values, float[] queries, int dimension)
{
    private readonly int _count = keys.Length / dimension;

    /// <summary>The best keys of a scorer beyond the sinks; of one that asks for queries, among the keys that are far from all of them.</summary>
    /// <param name="name">The scorer.</param>
    /// <param name="size">Keys of the set.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="simd">SIMD path.</param>
    public KeySet Best(string name, int size, ulong seed, SimdPath simd)
    {
        IKeyScorer scorer = KeyScorers.Create(name);
        int count = scorer.Needs.HasFlag(ScorerNeeds.Queries) ? _count - CoverageSettings.ObservedPositions - CoverageSettings.Window : _count;
        var matrix = new KeyMatrix { Values = keys, Count = count, Dimension = dimension };
        var context = new ScoringContext(seed, layer, head, 0, size, simd)
        {
            Values = new KeyMatrix { Values = values, Count = count, Dimension = values.Length / _count },
            Queries = new KeyMatrix { Values = queries, Count = queries.Length / dimension, Dimension = dimension },
        };
        var scores = new float[count];
        using IFittedScorer fitted = scorer.Fit(matrix, context);
        fitted.Score(matrix, context, scores);
        var selected = new int[Math.Min(size, count - CoverageSettings.Sinks)];
        TopSelection.Select(scores.AsSpan(CoverageSettings.Sinks), selected.Length, selected);
        return new KeySet([.. selected.Select(key => key + CoverageSettings.Sinks)], _count);
    }
}
