using System.Buffers;
using System.Numerics.Tensors;
using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Scores from a kernel k-means clustering (Gaussian kernel, γ = 1 / median squared distance), distances in feature
/// space. Fitting m keys holds m² kernel values and is quadratic; scoring a key takes m kernel values.
/// </summary>
/// <param name="name">Name in the registry.</param>
/// <param name="score">Formula.</param>
public sealed class KernelKMeansScorer(string name, ClusterScore score) : IKeyScorer
{
    private const int MaxSteps = 8;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context)
    {
        var labels = new int[keys.Count];
        var chosen = new int[ClusterCount.For(keys, context)];
        // The Gaussian kernel falls with the distance: the nearest seed in feature space is the nearest in the plain one.
        int count = KMeansSeeding.Choose(keys, chosen.Length, context.Origin, chosen, labels);
        var kernel = new GaussianKernel(keys);
        KernelKMeans.Refine(kernel, count, labels, MaxSteps);
        return new Fitted(keys, kernel, count, labels, score, context);
    }

    private sealed class Fitted : IFittedScorer
    {
        private readonly double _gamma;
        private readonly RelativeDistances _members;
        private readonly int[] _sizes;
        private readonly double[] _similarities;
        private readonly ClusterScoring _scoring;

        public Fitted(in KeyMatrix keys, GaussianKernel kernel, int count, int[] labels, ClusterScore score, in ScoringContext context)
        {
            _gamma = kernel.Gamma;
            _sizes = EmptyClusters.Sizes(labels, count);
            var squared = new double[keys.Count * count];
            _similarities = KernelKMeans.SquaredDistances(kernel, count, labels, squared);
            var distances = new float[keys.Count];
            for (int i = 0; i < distances.Length; i++)
            {
                distances[i] = (float)Math.Sqrt(squared[i * count + labels[i]]);
            }
            _scoring = new ClusterScoring(score, count, labels, distances);
            _members = new RelativeDistances(ByCluster(keys, labels, _sizes), keys.Count, keys.Dimension, -_gamma, context.Simd);
            IndexProducts = (long)keys.Count * (keys.Count - 1) / 2 + (long)keys.Count * count;
        }

        public long IndexProducts { get; private set; }

        public void Dispose() => _members.Dispose();

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            int members = _members.Count;
            float[] values = ArrayPool<float>.Shared.Rent(_members.Chunk * members);
            int[] labels = ArrayPool<int>.Shared.Rent(keys.Count);
            for (int start = 0; start < keys.Count; start += _members.Chunk)
            {
                KeyMatrix chunk = keys.Slice(start, Math.Min(_members.Chunk, keys.Count - start));
                _members.Products(chunk, values);
                for (int i = 0; i < chunk.Count; i++)
                {
                    Span<float> row = values.AsSpan(i * members, members);
                    KernelValues(chunk[i], row);
                    (labels[start + i], scores[start + i]) = Nearest(row);
                }
            }
            _scoring.FromDistances(labels, scores[..keys.Count]);
            IndexProducts += (long)keys.Count * members;
            ArrayPool<float>.Shared.Return(values);
            ArrayPool<int>.Shared.Return(labels);
        }

        /// <summary>Members as dense rows, those of one cluster side by side.</summary>
        private static float[] ByCluster(in KeyMatrix keys, int[] labels, int[] sizes)
        {
            var next = new int[sizes.Length];
            for (int c = 1; c < sizes.Length; c++)
            {
                next[c] = next[c - 1] + sizes[c - 1];
            }
            var rows = new float[keys.Count * keys.Dimension];
            for (int i = 0; i < keys.Count; i++)
            {
                keys[i].CopyTo(rows.AsSpan(next[labels[i]]++ * keys.Dimension));
            }
            return rows;
        }

        /// <summary>Turns the products of a key with the members into kernel values: all 0 for a key beyond every range.</summary>
        private void KernelValues(ReadOnlySpan<float> key, Span<float> row)
        {
            double toMean = KeyNorm.OfDifference(key, _members.Mean);
            TensorPrimitives.Add(row, _members.Offsets, row);
            TensorPrimitives.Add(row, FiniteScores.From(-_gamma * toMean * toMean), row);
            TensorPrimitives.Min(row, 0, row);
            TensorPrimitives.Exp(row, row);
            if (!TensorPrimitives.IsFiniteAll<float>(row))
            {
                row.Clear();
            }
        }

        private (int Label, float Distance) Nearest(ReadOnlySpan<float> row)
        {
            int nearest = 0;
            double least = double.PositiveInfinity;
            int first = 0;
            for (int c = 0; c < _sizes.Length; c++)
            {
                int size = _sizes[c];
                double squared = size == 0
                    ? double.PositiveInfinity
                    : 1 - 2.0 * TensorPrimitives.Sum(row.Slice(first, size)) / size + _similarities[c];
                first += size;
                if (squared < least)
                {
                    (nearest, least) = (c, squared);
                }
            }
            return (nearest, (float)Math.Sqrt(Math.Max(0, least)));
        }
    }
}
