using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// The attention that queries seen so far give a key, on average (SnapKV: Li et al., arXiv 2404.14469): the mean of
/// e^(q·k − L), with L the query's log-sum-exp over the keys fitted on. Without queries all scores are 0, so that evenly
/// spaced keys are taken.
/// </summary>
public sealed class ObservedScorer : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => "observed";

    /// <inheritdoc/>
    public ScorerNeeds Needs => ScorerNeeds.Queries;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new Fitted(keys, context);

    private sealed class Fitted : IFittedScorer
    {
        /// <summary>Keys a product: few enough for the products to stay in the cache.</summary>
        private const int Chunk = 96;

        private readonly PackedMatrix? _queries;

        /// <summary>−L of every query.</summary>
        private readonly float[] _offsets;

        public Fitted(in KeyMatrix keys, in ScoringContext context)
        {
            KeyMatrix queries = context.Queries;
            _offsets = new float[queries.Count];
            if (queries.Count == 0)
            {
                return;
            }
            var rows = new float[queries.Count * queries.Dimension];
            for (int i = 0; i < queries.Count; i++)
            {
                queries[i].CopyTo(rows.AsSpan(i * queries.Dimension));
            }
            _queries = PackedMatrix.Pack(rows, queries.Count, queries.Dimension, context.Simd);
            Normalize(keys);
        }

        public long IndexProducts { get; private set; }

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            scores[..keys.Count].Clear();
            if (_queries is null)
            {
                return;
            }
            float[] pooled = ArrayPool<float>.Shared.Rent(Chunk * _offsets.Length);
            for (int start = 0; start < keys.Count; start += Chunk)
            {
                int rows = Math.Min(Chunk, keys.Count - start);
                Logits(keys.Slice(start, rows), pooled);
                for (int i = 0; i < rows; i++)
                {
                    Span<float> weights = pooled.AsSpan(i * _offsets.Length, _offsets.Length);
                    TensorPrimitives.Add(weights, _offsets, weights);
                    TensorPrimitives.Exp(weights, weights);
                    scores[start + i] = TensorPrimitives.Sum<float>(weights) / weights.Length;
                }
            }
            ArrayPool<float>.Shared.Return(pooled);
            FiniteScores.Clamp(scores[..keys.Count]);
        }

        public void Dispose() => _queries?.Dispose();

        /// <summary>Log-sum-exps over the fitted keys, in double precision.</summary>
        private void Normalize(in KeyMatrix keys)
        {
            var logits = new float[keys.Count * _offsets.Length];
            Logits(keys, logits);
            for (int query = 0; query < _offsets.Length; query++)
            {
                float largest = float.NegativeInfinity;
                for (int i = query; i < logits.Length; i += _offsets.Length)
                {
                    largest = Math.Max(largest, logits[i]);
                }
                double sum = 0;
                for (int i = query; i < logits.Length; i += _offsets.Length)
                {
                    sum += Math.Exp((double)logits[i] - largest);
                }
                _offsets[query] = FiniteScores.From(-(largest + Math.Log(sum)));
            }
        }

        private void Logits(in KeyMatrix keys, Span<float> logits)
        {
            _queries!.Multiply(keys.Values, keys.Stride, keys.Count, logits, _offsets.Length, threads: 1);
            IndexProducts += (long)keys.Count * _offsets.Length;
        }
    }
}
