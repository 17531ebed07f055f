using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

public partial class ScreeningTests
{
    /// <summary>Queries that attend the clusters, and what they should come to.</summary>
    private sealed class Block : IDisposable
    {
        private readonly Clusters _set;
        private readonly QueryBlock _block;
        private readonly double[][] _queries;
        private readonly double[] _thresholds;
        private readonly List<(double[] Key, double[] Value)> _near = [];

        public Block(Clusters set, int count, float magnitude = 1, int first = 0, int? attended = null)
        {
            _set = set;
            _block = QueryBlock.Create(set.Path, count, set.Dimension, set.ValueDimension);
            _thresholds = new double[count];
            _queries = new double[count][];
            for (int row = 0; row < count; row++)
            {
                float[] query = Row(new Random(1000 + first + row), set.Dimension, 2 * magnitude);
                _block.Add(query, 0.5f).ShouldBe(row);
                _queries[row] = [.. query.Select(x => (double)(0.5f * x))];
            }
            AttendCentroids(attended ?? count);
        }

        /// <summary>The first rows anew.</summary>
        public void Restart(int count)
        {
            _block.Clear();
            for (int row = 0; row < count; row++)
            {
                _block.Add([.. _queries[row].Select(x => (float)x)], 1);
            }
            AttendCentroids(count);
        }

        public int MembersOf(int row) => _block.MembersOf(row);

        public double[] Query(int row) => _queries[row];

        public float Step(int row) => _block.SketchStep(row);

        public int[] Levels(int row) => [.. Coordinates(row).Select(x => (int)MathF.Round(x * (1 / Step(row))))];

        public int ScreenedOf(int row) => _block.ScreenedOf(row);

        public void SetSketch(int row, float[] coordinates) => _block.SetSketch(row, coordinates);

        /// <summary>Logit of the mean key and ln of the mean weight: what a product of 0 stands for.</summary>
        public double ScreenedCentre(int row, int cluster) => (double)_block.CentroidLogit(row, cluster) + _set.Set.MeanLogWeight(cluster);

        public int LeastProduct(int row, int cluster, double threshold) =>
            _block.LeastProduct(row, cluster, _set.Set, threshold);

        public int Within(int row, int cluster, int least) => _block.Within(row, _set.Sketches(cluster), least);

        public (int[] Slots, int[] Products) Screen(int row, int cluster, int least)
        {
            int[] slots = new int[_set.Sketches(cluster).PaddedCount], products = new int[slots.Length];
            int found = _block.Screen(row, _set.Sketches(cluster), least, slots, products);
            return (slots[..found], products[..found]);
        }

        public float[] MemberLogits(int row, int cluster, int[] slots)
        {
            // Products are written four at a time; what follows is left alone.
            float[] logits = [.. Enumerable.Repeat(-7f, (slots.Length + 3) / 4 * 4 + 1)];
            _block.OpenRegion(_set.Region(cluster));
            _block.MemberLogits(row, slots, logits);
            logits[^1].ShouldBe(-7);
            return logits[..slots.Length];
        }

        /// <summary>start + weight·first + Σ weights·values of some members.</summary>
        public float[] AddMembers(int cluster, int[] slots, float[] weights, float start, float first, float firstWeight)
        {
            float[] sum = [.. Enumerable.Repeat(start, _block.ValueFloats)], other = [.. Enumerable.Repeat(first, _block.ValueFloats)];
            _block.OpenRegion(_set.Region(cluster));
            _block.AddMembers(slots, weights, sum, other, firstWeight);
            return sum[.._block.ValueDimension];
        }

        /// <summary>The rows start anew with some near keys; the clusters follow in <see cref="AttendAll"/>.</summary>
        public void AttendNear(int count, float magnitude)
        {
            var random = new Random(77);
            using KeyRegion near = KeyRegion.Create(_set.Path, _set.Dimension, _set.ValueDimension, KeyValueStorage.Fp32);
            for (int i = 0; i < count; i++)
            {
                float[] key = Row(random, _set.Dimension, magnitude), value = Row(random, _set.ValueDimension, 1);
                near.Append(key, value);
                _near.Add(([.. key.Select(x => (double)x)], [.. value.Select(x => (double)x)]));
            }
            _block.ResetState();
            _block.Attend(near, 0, _block.Rows, default);
            _block.AttendCentroids(_set.Set, 0, _block.Rows);
        }

        /// <summary>Sets thresholds relative to the rows' best cluster, attends the members and returns how many each row has.</summary>
        public IEnumerable<int> AttendAll(Func<int, double> offset, double[]? thresholds = null, int? rows = null)
        {
            for (int row = 0; row < (rows ?? _block.Rows); row++)
            {
                ((double)_block.LogSumExp(row)).ShouldBe(LogSumExp(Terms(row, double.PositiveInfinity)), 1e-5 * (1 + Math.Abs(_block.LogSumExp(row))));
                double best = Enumerable.Range(0, _set.Sizes.Length).Max(cluster => ScreenedCentre(row, cluster));
                double threshold = thresholds is null ? best + offset(row) : thresholds[row];
                _thresholds[row] = threshold;
                _block.SetThreshold(row, threshold);
            }
            AttendMembers();
            return [.. Enumerable.Range(0, _block.Rows).Select(_block.MembersOf)];
        }

        public void AttendMembers()
        {
            for (int cluster = 0; cluster < _set.Sizes.Length; cluster++)
            {
                _block.AttendMembers(cluster, _set.Sketches(cluster), _set.Region(cluster), _set.Set);
            }
        }

        public float[] Finish(int row, out float logSumExp)
        {
            var output = new float[_set.ValueDimension];
            logSumExp = _block.Finish(row, output);
            return output;
        }

        public void ShouldMatch(double tolerance = 1e-5)
        {
            for (int row = 0; row < _block.Rows; row++)
            {
                List<(double Logit, double[] Value)> terms = Terms(row, _thresholds[row]);
                double expected = LogSumExp(terms);
                float[] output = Finish(row, out float logSumExp);
                output.ShouldAllBe(x => float.IsFinite(x));
                ((double)logSumExp).ShouldBe(expected, 1e-5 * (1 + Math.Abs(expected)), $"row {row}");
                _block.MembersOf(row).ShouldBe(Enumerable.Range(0, _set.Sizes.Length).Sum(c => Selected(row, c, _thresholds[row]).Count(x => x)), $"row {row}");
                for (int l = 0; l < output.Length; l++)
                {
                    double value = terms.Sum(term => Math.Exp(term.Logit - expected) * term.Value[l]);
                    double magnitude = terms.Sum(term => Math.Exp(term.Logit - expected) * Math.Abs(term.Value[l]));
                    ((double)output[l]).ShouldBe(value, tolerance * Math.Max(magnitude, 0.1), $"row {row}");
                }
            }
        }

        public double LargestLogit() => Enumerable.Range(0, _block.Rows).Max(row => Terms(row, double.NegativeInfinity).Max(term => Math.Abs(term.Logit)));

        /// <summary>Pairs of row and cluster whose rest has a higher mean logit than any member.</summary>
        public int RestsBetterThanMembers()
        {
            int better = 0;
            for (int row = 0; row < _block.Rows; row++)
            {
                for (int c = 0; c < _set.Sizes.Length; c++)
                {
                    bool[] selected = Selected(row, c, _thresholds[row]);
                    double[] logits = [.. Enumerable.Range(0, selected.Length).Select(i => Dot(_queries[row], _set.Key(c, i)))];
                    double[] members = [.. logits.Where((_, i) => selected[i])], rest = [.. logits.Where((_, i) => !selected[i])];
                    better += members.Length > 0 && rest.Length > 0 && rest.Average() > members.Max() ? 1 : 0;
                }
            }
            return better;
        }

        public void Dispose() => _block.Dispose();

        private void AttendCentroids(int rows)
        {
            _block.AttendCentroids(_set.Set, 0, rows);
            for (int row = 0; row < rows; row++)
            {
                _block.SetSketch(row, Coordinates(row));
            }
        }

        /// <summary>Coordinates whose product with the codes is near the logit.</summary>
        private float[] Coordinates(int row) =>
            [.. Enumerable.Range(0, _set.Rank).Select(i => i < _set.Dimension ? (float)(_queries[row][i] / 10) : 0)];

        private bool[] Selected(int row, int cluster, double threshold)
        {
            int least = LeastProduct(row, cluster, threshold);
            int[] slots = Screen(row, cluster, least).Slots;
            return [.. Enumerable.Range(0, _set.Sizes[cluster]).Select(slots.Contains)];
        }

        private List<(double Logit, double[] Value)> Terms(int row, double threshold)
        {
            List<(double Logit, double[] Value)> terms = [.. _near.Select(near => (Dot(_queries[row], near.Key), near.Value))];
            for (int c = 0; c < _set.Sizes.Length; c++)
            {
                bool[] selected = double.IsPositiveInfinity(threshold) ? new bool[_set.Sizes[c]] : Selected(row, c, threshold);
                double weight = 0, logits = 0, all = 0;
                var value = new double[_set.ValueDimension];
                for (int i = 0; i < selected.Length; i++)
                {
                    double logit = Dot(_queries[row], _set.Key(c, i)), own = Math.Exp(_set.LogWeights[c][i]);
                    all += own;
                    if (selected[i])
                    {
                        terms.Add((logit + _set.LogWeights[c][i], _set.Value(c, i)));
                        continue;
                    }
                    weight += own;
                    logits += own * logit;
                    for (int l = 0; l < value.Length; l++)
                    {
                        value[l] += own * _set.Value(c, i)[l];
                    }
                }
                if (weight > 1e-3 * all)
                {
                    terms.Add((logits / weight + Math.Log(weight), [.. value.Select(x => x / weight)]));
                }
            }
            return terms;
        }

        private static double LogSumExp(List<(double Logit, double[] Value)> terms)
        {
            double maximum = terms.Max(term => term.Logit);
            return maximum + Math.Log(terms.Sum(term => Math.Exp(term.Logit - maximum)));
        }

        private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
    }
}
