using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Storage;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Attention.Clustered;

public partial class KeyIndexTests
{
    /// <summary>An index and the keys it was given.</summary>
    private sealed class Grown : IDisposable
    {
        private readonly KeyValueStorage _storage;
        private readonly bool _weighted;
        private readonly int _dimension;
        private readonly int _seed;
        private readonly double _factor;
        private Random _random;

        public Grown(SimdPath path, KeyValueStorage storage, bool weighted, int dimension, int seed, double ClusterFactor = 2, int rank = 32, int generation = 4096)
        {
            (_storage, _weighted, _dimension, _seed, _factor) = (storage, weighted, dimension, seed, ClusterFactor);
            _random = new Random(seed);
            Queries = new SecondMoment(dimension);
            var options = new ClusteredOptions { Storage = storage, ClusterFactor = ClusterFactor, SketchRank = rank, FirstGeneration = generation };
            Index = new KeyIndex(new IndexSettings(
                options, new AttentionOptions { Simd = path, Seed = 9, Layer = 2 }, Head: 1, dimension, ValueDimension, weighted, Queries));
        }

        public KeyIndex Index { get; }

        public SecondMoment Queries { get; }

        /// <summary>Keys as stored.</summary>
        public List<double[]> Keys { get; } = [];

        private List<double[]> Values { get; } = [];

        private List<double> LogWeights { get; } = [];

        public void Restart()
        {
            _random = new Random(_seed);
            Values.Clear();
            LogWeights.Clear();
        }

        public void Join(int count)
        {
            float[] keys = [.. ScoringKeys.Clustered(count, _dimension, (ulong)(_seed + Index.Count), scale: 0.3)];
            float[] values = [.. Enumerable.Range(0, count * ValueDimension).Select(_ => _random.NextSingle())];
            float[] logWeights = _weighted ? [.. Enumerable.Range(0, count).Select(_ => 4 * _random.NextSingle() - 2)] : [];
            Keys.AddRange(keys.Chunk(_dimension).Select(Stored));
            Values.AddRange(values.Chunk(ValueDimension).Select(Stored));
            LogWeights.AddRange(_weighted ? logWeights.Select(x => (double)x) : Enumerable.Repeat(0.0, count));
            Index.Join(keys, values, logWeights, count);
        }

        public void AddQueries(int count)
        {
            foreach (float[] query in NewQueries(count))
            {
                Queries.Add(query);
            }
        }

        public float[][] NewQueries(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, _dimension).Select(l => (_random.NextSingle() - 0.5f) * (l + 1)).ToArray())];

        /// <summary>Codes are within rounding of the coordinates of key − anchor, clamped.</summary>
        public void CheckSketches(double[][] anchors, int fitted = int.MaxValue)
        {
            SketchBasis basis = Index.Newest.Basis!;
            int rank = basis.Rank;
            var head = ClusteredTrace.KeyValueHead.Of(Index);
            int clamped = 0;
            for (int key = 0; key < Keys.Count; key++)
            {
                for (int c = 0; c < rank; c++)
                {
                    double coordinate = Enumerable.Range(0, _dimension).Sum(l => basis.Keys[l * rank + c] * (Keys[key][l] - anchors[head.Labels[key]][l]));
                    clamped += Math.Abs(coordinate) > 15.5 && key < fitted ? 1 : 0;
                    ((double)head.Codes[key][c]).ShouldBe(Math.Clamp(coordinate, -15, 15), 0.5 + 1e-3);
                }
            }
            clamped.ShouldBeLessThan(Keys.Count * rank / 100);
            // Not all zeros, which would be near as well.
            head.Codes.Sum(code => code.Sum(c => Math.Abs(c))).ShouldBeGreaterThan(Keys.Count);
        }

        public void RefineIfDue() => Index.RefineIfDue();

        public void Refine(int steps = 3, Action<int, Action<int>>? run = null) => KeyIndexTests.Refine(Index, steps, run ?? Each);

        public double[][] Centroids() => [.. Enumerable.Range(0, Index.Clusters).Select(c =>
        {
            var mean = new float[_dimension];
            Index.Centroids.Means.ReadKey(c, mean);
            return mean.Select(x => (double)x).ToArray();
        })];

        /// <summary>Of the keys to the plain or, with log-weights, weighted mean of their cluster, weighted.</summary>
        public double TotalSquaredDistance()
        {
            int[] labels = Index.Labels();
            double[][] means = [.. Enumerable.Range(0, Index.Clusters).Select(c => Mean(labels, c, Keys))];
            return labels.Select((label, key) => SquaredDistance(Keys[key], means[label]) * Math.Exp(LogWeights[key])).Sum();
        }

        public void Check()
        {
            Index.Count.ShouldBe(Keys.Count);
            int[] labels = Index.Labels();
            labels.Length.ShouldBe(Keys.Count);
            Index.Clusters.ShouldBeLessThanOrEqualTo(Index.Generations.Sum(generation =>
                Math.Max(1, (int)Math.Ceiling(_factor * generation.Count / Math.Sqrt(generation.FirstKey + generation.Count)))));
            (Index.Centroids.Count, labels.Max() + 1, labels.Distinct().Count()).ShouldBe((Index.Clusters, Index.Clusters, Index.Clusters));
            Enumerable.Range(0, Index.Clusters).Sum(c => Index.Region(c).Count).ShouldBe(Keys.Count);
            CheckCentroids(labels);
            CheckCopy();
        }

        public void Dispose() => Index.Dispose();

        private void CheckCentroids(int[] labels)
        {
            double[][] centroids = Centroids();
            for (int c = 0; c < Index.Clusters; c++)
            {
                double[] key = Mean(labels, c, Keys), value = Mean(labels, c, Values);
                centroids[c].Zip(key, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                var meanValue = new float[ValueDimension];
                Index.Centroids.Means.ReadValue(c, meanValue);
                meanValue.Zip(value, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                Index.Region(c).Count.ShouldBe(labels.Count(label => label == c));
                Index.Indices(c).ToArray().Order().ShouldBe(Enumerable.Range(0, labels.Length).Where(i => labels[i] == c));
                double weight = labels.Select((label, i) => label == c ? Math.Exp(LogWeights[i]) : 0).Sum();
                ((double)Index.Centroids.LogWeight(c)).ShouldBe(Math.Log(weight), 1e-5);
                ((double)Index.Centroids.MeanLogWeight(c)).ShouldBe(Math.Log(weight / Index.Region(c).Count), 1e-5);
                ((double)Index.Centroids.HalfNorms[c]).ShouldBe(key.Sum(x => x * x) / 2, 1e-4);
            }
        }

        private void CheckCopy()
        {
            float[] keys = new float[Keys.Count * _dimension], values = new float[Keys.Count * ValueDimension];
            Index.CopyTo(keys, values);
            keys.Select(x => (double)x).ShouldBe(Keys.SelectMany(key => key));
            values.Select(x => (double)x).ShouldBe(Values.SelectMany(value => value));
        }

        private double[] Mean(int[] labels, int cluster, List<double[]> rows)
        {
            var sum = new double[rows[0].Length];
            double weights = 0;
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i] == cluster)
                {
                    double weight = Math.Exp(LogWeights[i]);
                    weights += weight;
                    for (int l = 0; l < sum.Length; l++)
                    {
                        sum[l] += weight * rows[i][l];
                    }
                }
            }
            return [.. sum.Select(x => x / weights)];
        }

        private double[] Stored(float[] row) => [.. row.Select(x => _storage == KeyValueStorage.Fp16 ? (double)(Half)x : x)];
    }
}
