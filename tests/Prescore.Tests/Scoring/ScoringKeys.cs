using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Tests.Scoring;

/// <summary>Keys and contexts for scorer tests.</summary>
internal static class ScoringKeys
{
    public const int Dimension = 64;

    /// <summary>The library's own scorers of keys alone: other tests register further ones, at any time of the run.</summary>
    public static string[] OwnScorers { get; } = [.. KeyScorers.Names
        .Where(name => KeyScorers.Create(name) is { Needs: ScorerNeeds.None } scorer && scorer.GetType().Assembly == typeof(KeyScorers).Assembly)];

    /// <summary>Keys from a few well separated Gaussian clusters with a common mean, as real keys have one.</summary>
    public static float[] Clustered(int count, int dimension, ulong seed, int clusters = 5, double scale = 1)
    {
        var keys = new float[count * dimension];
        for (int i = 0; i < count; i++)
        {
            int cluster = i % clusters;
            for (int l = 0; l < dimension; l++)
            {
                double centre = 3 + 4 * CounterRandom.Gaussian(CounterRandom.Hash(seed, 1, cluster, l, 0));
                keys[i * dimension + l] = (float)(scale * (centre + CounterRandom.Gaussian(CounterRandom.Hash(seed, 2, i, l, 0))));
            }
        }
        return keys;
    }

    public static KeyMatrix Matrix(ReadOnlySpan<float> values, int dimension) =>
        new() { Values = values, Count = values.Length / dimension, Dimension = dimension };

    public static ScoringContext Context(int selected, ulong seed = 1, SimdPath? simd = null) =>
        new(seed, layer: 3, head: 2, firstPosition: 100, selected, simd ?? SimdPaths.Best);

    /// <summary>Fits on the keys and scores the same keys into a poisoned buffer.</summary>
    public static float[] Score(IKeyScorer scorer, float[] values, int dimension, ScoringContext context)
    {
        KeyMatrix keys = Matrix(values, dimension);
        var scores = new float[keys.Count];
        scores.AsSpan().Fill(float.NaN);
        using IFittedScorer fitted = scorer.Fit(keys, context);
        fitted.Score(keys, context.FirstPosition, scores);
        return scores;
    }
}
