using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Experiments.Vision;

/// <summary>What CLS attends to in one layer, and which keys a scorer keeps there.</summary>
public sealed record PatchAttention
{
    /// <summary>Rows of patches.</summary>
    public required int Rows { get; init; }

    /// <summary>Patches a row.</summary>
    public required int Columns { get; init; }

    /// <summary>Number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Share of CLS's attention that each patch has, mean over the heads, [rows · columns].</summary>
    public required double[] Attended { get; init; }

    /// <summary>Share of the heads in which each patch is kept, [rows · columns].</summary>
    public required double[] Kept { get; init; }

    /// <summary>Share of CLS's attention that it gives itself, mean over the heads.</summary>
    public required double ClsToCls { get; init; }

    /// <summary>Heads in which the scorer keeps CLS.</summary>
    public required int ClsKept { get; init; }

    /// <summary>Share of CLS's attention that is on kept keys, mean over the heads.</summary>
    public required double KeptMass { get; init; }

    /// <summary>Runs a model and looks at one layer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method of all layers.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    /// <param name="image">The image, resized and cut.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="scorer">Ranks the keys of each head.</param>
    /// <param name="selected">How many it keeps.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static PatchAttention Of(
        VisionModel model, IAttention attention, AttentionOptions options, RgbImage image, int layer, IKeyScorer scorer, int selected, CancellationToken cancellationToken)
    {
        PatchAttention? seen = null;
        int columns = image.Width / model.Configuration.PatchSize, rows = image.Height / model.Configuration.PatchSize;
        var session = new VisionSession(model, attention, options)
        {
            OnProjection = (at, tokens, queries, keys, _) =>
            {
                if (at == layer)
                {
                    seen = Look(queries, keys, tokens, model.Configuration.Heads, (rows, columns), scorer, selected, options with { Layer = layer });
                }
            },
        };
        session.Run(model.Preprocessing.Normalise(image), cancellationToken);
        return seen!;
    }

    /// <summary>Weights of exact attention that query 0 gives each key of a head.</summary>
    /// <param name="queries">Dense [tokens, heads, d].</param>
    /// <param name="keys">Dense [tokens, heads, d].</param>
    /// <param name="tokens">Number of tokens.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="head">The head.</param>
    /// <param name="query">Token whose query it is.</param>
    public static double[] Weights(ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, int tokens, int heads, int head, int query)
    {
        int d = queries.Length / (tokens * heads);
        var weights = new double[tokens];
        ReadOnlySpan<float> q = queries.Slice((query * heads + head) * d, d);
        for (int token = 0; token < tokens; token++)
        {
            double dot = 0;
            ReadOnlySpan<float> k = keys.Slice((token * heads + head) * d, d);
            for (int l = 0; l < d; l++)
            {
                dot += (double)q[l] * k[l];
            }
            weights[token] = dot / Math.Sqrt(d);
        }
        double largest = weights.Max(), sum = 0;
        for (int token = 0; token < tokens; token++)
        {
            weights[token] = Math.Exp(weights[token] - largest);
            sum += weights[token];
        }
        return [.. weights.Select(weight => weight / sum)];
    }

    /// <summary>The keys of a head that a scorer keeps, ascending.</summary>
    /// <param name="keys">Dense [tokens, heads, d].</param>
    /// <param name="tokens">Number of tokens.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="head">The head.</param>
    /// <param name="scorer">The scorer.</param>
    /// <param name="selected">How many it keeps.</param>
    /// <param name="options">Seed, layer, SIMD path.</param>
    public static int[] Select(ReadOnlySpan<float> keys, int tokens, int heads, int head, IKeyScorer scorer, int selected, AttentionOptions options)
    {
        int d = keys.Length / (tokens * heads);
        var matrix = new KeyMatrix { Values = keys[(head * d)..], Count = tokens, Dimension = d, Stride = heads * d };
        var scores = new float[tokens];
        using IFittedScorer fitted = scorer.Fit(matrix, new ScoringContext(options.Seed, options.Layer, head, 0, selected, options.Simd));
        fitted.Score(matrix, 0, scores);
        var kept = new int[Math.Min(selected, tokens)];
        TopSelection.Select(scores, selected, kept);
        return kept;
    }

    private static PatchAttention Look(
        ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, int tokens, int heads, (int Rows, int Columns) grid, IKeyScorer scorer, int selected, AttentionOptions options)
    {
        double[] attended = new double[tokens], kept = new double[tokens];
        double mass = 0;
        for (int head = 0; head < heads; head++)
        {
            double[] weights = Weights(queries, keys, tokens, heads, head, query: 0);
            for (int token = 0; token < tokens; token++)
            {
                attended[token] += weights[token] / heads;
            }
            foreach (int token in Select(keys, tokens, heads, head, scorer, selected, options))
            {
                kept[token] += 1.0 / heads;
                mass += weights[token] / heads;
            }
        }
        return new PatchAttention
        {
            Rows = grid.Rows,
            Columns = grid.Columns,
            Heads = heads,
            Attended = attended[1..],
            Kept = kept[1..],
            ClsToCls = attended[0],
            ClsKept = (int)Math.Round(kept[0] * heads),
            KeptMass = mass,
        };
    }
}
