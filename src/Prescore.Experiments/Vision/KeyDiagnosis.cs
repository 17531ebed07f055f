using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Scoring;

namespace Prescore.Experiments.Vision;

/// <summary>
/// Why selections fail: which share of exact attention their keys hold, whether CLS is among them, and how far attention's
/// outputs on them alone are from exact, over all layers and heads on the way of exact attention through the model.
/// </summary>
public static class KeyDiagnosis
{
    /// <summary>Every so many tokens, from CLS on, one query is looked at.</summary>
    private const int QueryStep = 16;

    /// <summary>Looks at some images.</summary>
    /// <param name="model">The model.</param>
    /// <param name="task">Images.</param>
    /// <param name="images">How many of them.</param>
    /// <param name="scorers">Names of scorers.</param>
    /// <param name="keys">Keys that each keeps.</param>
    /// <param name="options">Threads, seed.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static KeyDiagnosisRow[] Of(
        VisionModel model, VisionTask task, int images, IReadOnlyList<string> scorers, int keys, AttentionOptions options, CancellationToken cancellationToken)
    {
        IKeyScorer[] ranked = [.. scorers.Select(KeyScorers.CreateForKeys)];
        Sums[] sums = [.. scorers.Select(_ => new Sums())];
        var session = new VisionSession(model, AttentionMethods.Create("exact"), options)
        {
            OnProjection = (layer, tokens, queries, layerKeys, values) =>
            {
                float[] q = queries.ToArray(), k = layerKeys.ToArray(), v = values.ToArray();
                Parallel.For(0, ranked.Length, new ParallelOptions { MaxDegreeOfParallelism = options.Threads }, scorer =>
                {
                    for (int head = 0; head < model.Configuration.Heads; head++)
                    {
                        int[] kept = PatchAttention.Select(k, tokens, model.Configuration.Heads, head, ranked[scorer], keys, options with { Layer = layer });
                        sums[scorer].Add(q, k, v, tokens, model.Configuration.Heads, head, kept);
                    }
                });
            },
        };
        for (int image = 0; image < Math.Min(images, task.Count); image++)
        {
            session.Run(task.Input(image), cancellationToken);
        }
        return [.. sums.Select((sum, i) => sum.Row(scorers[i], keys))];
    }

    private sealed class Sums
    {
        private double _heads, _clsKept, _clsMass, _patches, _patchMass, _onPatches, _keptOnPatches, _norm, _error, _errorWithCls;

        public void Add(float[] queries, float[] keys, float[] values, int tokens, int heads, int head, int[] kept)
        {
            _heads++;
            var isKept = new bool[tokens];
            foreach (int token in kept)
            {
                isKept[token] = true;
            }
            _clsKept += isKept[0] ? 1 : 0;
            for (int query = 0; query < tokens; query += QueryStep)
            {
                double[] weights = PatchAttention.Weights(queries, keys, tokens, heads, head, query);
                double mass = kept.Sum(token => weights[token]), onPatches = mass - (isKept[0] ? weights[0] : 0);
                if (query == 0)
                {
                    _clsMass += mass;
                }
                else
                {
                    _patches++;
                    _patchMass += mass;
                    _onPatches += 1 - weights[0];
                    _keptOnPatches += onPatches;
                }
                double[] exact = Output(values, weights, heads, head, _ => true);
                double[] selected = Output(values, weights, heads, head, token => isKept[token]);
                double[] withCls = Output(values, weights, heads, head, token => isKept[token] || token == 0);
                _norm += exact.Sum(x => x * x);
                _error += exact.Zip(selected, (a, b) => (a - b) * (a - b)).Sum();
                _errorWithCls += exact.Zip(withCls, (a, b) => (a - b) * (a - b)).Sum();
            }
        }

        public KeyDiagnosisRow Row(string scorer, int keys) => new()
        {
            Scorer = scorer,
            Keys = keys,
            ClsKept = _clsKept / _heads,
            ClsMass = _clsMass / _heads,
            PatchMass = _patchMass / _patches,
            PatchMassOnPatches = _keptOnPatches / _onPatches,
            OutputError = Math.Sqrt(_error / _norm),
            OutputErrorWithCls = Math.Sqrt(_errorWithCls / _norm),
        };

        /// <summary>Mean of the values of some tokens by their weights.</summary>
        private static double[] Output(float[] values, double[] weights, int heads, int head, Func<int, bool> takes)
        {
            int d = values.Length / (weights.Length * heads);
            var output = new double[d];
            double sum = 0;
            for (int token = 0; token < weights.Length; token++)
            {
                if (!takes(token))
                {
                    continue;
                }
                sum += weights[token];
                for (int l = 0; l < d; l++)
                {
                    output[l] += weights[token] * values[(token * heads + head) * d + l];
                }
            }
            return [.. output.Select(x => x / sum)];
        }
    }
}
