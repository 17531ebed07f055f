using Prescore.Attention.Clustered;

namespace Prescore.Tests.Attention.Oracles;

internal sealed partial class NaiveClustered
{
    private sealed class Query
    {
        private Group[]? _groups;
        private int[] _before = [];
        private int _edgeCluster = -1;

        public required int Threshold { get; init; }

        public required int NearCount { get; init; }

        public required (double Logit, double[] Value)[] Near { get; init; }

        public required Cluster[] Clusters { get; init; }

        /// <summary>Logits without log-weights.</summary>
        public required double[][] Logits { get; init; }

        /// <summary>The same of the query that is not rounded.</summary>
        public required double[][] ExactLogits { get; init; }

        public required double[][] Values { get; init; }

        public required int[][] Products { get; init; }

        public required double[] CentroidLogits { get; init; }

        /// <summary>The largest product that is looked for in each cluster, by tile.</summary>
        public required Dictionary<int, int>[] Reaches { get; init; }

        /// <summary>Logit of one unit of a product in each cluster.</summary>
        public required float[] Steps { get; init; }

        public required bool IsProbe { get; init; }

        public required int MemberCap { get; init; }

        public required int ValueDimension { get; init; }

        public int Far => Clusters.Sum(cluster => cluster.Keys.Length);

        /// <summary>Groups in descending order of screened logits: the members are always the first few.</summary>
        private Group[] Groups
        {
            get
            {
                if (_groups is not null)
                {
                    return _groups;
                }
                _groups = [.. Clusters.SelectMany((cluster, c) => Enumerable.Range(0, cluster.Keys.Length).GroupBy(i => Math.Min(Products[c][i], Furthest(c, i)))
                    .Select(group => new Group(c, ScreenedLogit(c, group.Key), [.. group])))
                    .OrderByDescending(group => group.Screened)];
                _before = new int[_groups.Length + 1];
                for (int i = 0; i < _groups.Length; i++)
                {
                    _before[i + 1] = _before[i] + _groups[i].Selected.Length;
                }
                return _groups;
            }
        }

        /// <summary>Log-sum-exp of near part and clusters.</summary>
        private double Mass => LogSumExp([.. Near.Select(term => term.Logit), .. Clusters.Select((cluster, c) => CentroidLogits[c] + Math.Log(cluster.Weight))]);

        /// <summary>Keys of the first groups.</summary>
        public int Selected(int cut) => Groups.Length == 0 ? 0 : _before[cut];

        /// <summary>Groups that are members at a step.</summary>
        public int CutOf(int step) => CutsOfStep(step).Nominal;

        /// <summary>The same with the fewest and most that rounding allows.</summary>
        public (int Least, int Nominal, int Most) CutsOfStep(int step) =>
            step == 0 ? (0, 0, 0) : CutsAt(Mass + Math.Log(NaiveThreshold.Share(step)));

        /// <summary>Groups that are members at the step in use and the cap.</summary>
        /// <param name="threshold">The threshold; null: the row does not screen.</param>
        /// <param name="unmet">Whether the cap kept members away; null: rounding decides.</param>
        public (int Least, int Nominal, int Most) Cuts(out double? threshold, out bool? unmet)
        {
            threshold = null;
            unmet = Threshold > 0 && MemberCap == 0;
            if (Threshold == 0 || MemberCap == 0)
            {
                return (0, 0, 0);
            }
            int last = Math.Min(Threshold, Thresholds.Count - 1);
            threshold = Mass + Math.Log(NaiveThreshold.Share(last));
            (int least, int nominal, int most) = CutsAt(threshold.Value);
            if (Selected(most) <= MemberCap)
            {
                unmet = Threshold == Thresholds.Exact;
                return (least, nominal, most);
            }
            unmet = Selected(least) > MemberCap || Threshold == Thresholds.Exact ? true : null;
            (int Least, int Nominal, int Most) cuts = CappedCuts(last, 0, out threshold, out _edgeCluster);
            // Where rounding decides at which step the search ends, either end will do.
            foreach (double leeway in new[] { -Gap, Gap })
            {
                (least, _, most) = CappedCuts(last, leeway, out _, out _);
                cuts = (Math.Min(cuts.Least, least), cuts.Nominal, Math.Max(cuts.Most, most));
            }
            while (cuts.Most > cuts.Nominal && Selected(cuts.Most) > MemberCap)
            {
                cuts.Most--;
            }
            return cuts;
        }

        /// <summary>How many sketches the row reads: of slots that the lengths of the sketches leave a chance.</summary>
        public (int Least, int Most) Screens(double? threshold)
        {
            if (threshold is not double nominal)
            {
                return (0, 0);
            }
            int Count(double leeway) => Clusters.Select((cluster, c) =>
            {
                // The cluster that the threshold was taken from compares whole numbers: there is no rounding.
                double missing = nominal + (c == _edgeCluster ? 0 : leeway) - ScreenedLogit(c, 0);
                // A query without a sketch has products of 0.
                double product = Steps[c] > 0 ? Math.Ceiling(missing / Steps[c]) : missing > 0 ? int.MaxValue : int.MinValue;
                return cluster.Tiles.Count(tile => product <= Reaches[c][tile]);
            }).Sum();
            return (Count(Gap), Count(-Gap));
        }

        /// <summary>All keys are terms of their own.</summary>
        public (double[] Output, double LogSumExp, double Magnitude) AttendAll() => Softmax(
            [.. Near, .. Clusters.SelectMany((cluster, c) => cluster.Rows.Select((row, i) => (ExactLogits[c][i] + cluster.LogWeights[i], Values[row])))]);

        /// <summary>The first groups are terms of their own, the rest of every cluster is one.</summary>
        public (double[] Output, double LogSumExp, double Magnitude) Attend(int cut)
        {
            var terms = new List<(double Logit, double[] Value)>(Near);
            bool[][] selected = [.. Clusters.Select(cluster => new bool[cluster.Keys.Length])];
            foreach (Group group in Groups.Take(cut))
            {
                foreach (int i in group.Selected)
                {
                    selected[group.Cluster][i] = true;
                    terms.Add((Logits[group.Cluster][i] + Clusters[group.Cluster].LogWeights[i], Values[Clusters[group.Cluster].Rows[i]]));
                }
            }
            for (int c = 0; c < Clusters.Length; c++)
            {
                if (Rest(c, selected[c]) is (double, double[]) rest)
                {
                    terms.Add(rest);
                }
            }
            return Softmax(terms);
        }

        /// <summary>The keys that are no members as one term with their mean logit and value; null where they weigh next to nothing.</summary>
        private (double Logit, double[] Value)? Rest(int c, bool[] selected)
        {
            Cluster cluster = Clusters[c];
            double weight = 0, logits = 0;
            var value = new double[ValueDimension];
            for (int i = 0; i < selected.Length; i++)
            {
                if (!selected[i])
                {
                    double own = cluster.Weights[i];
                    weight += own;
                    logits += own * Logits[c][i];
                    double[] row = Values[cluster.Rows[i]];
                    for (int l = 0; l < value.Length; l++)
                    {
                        value[l] += own * row[l];
                    }
                }
            }
            return weight < 1e-3 * cluster.Weight ? null : (logits / weight + Math.Log(weight), [.. value.Select(x => x / weight)]);
        }

        /// <summary>
        /// The search for a threshold that no more keys than the cap pass: it looks further down the row of thresholds until more do,
        /// and then stays above the first that is one too many. It knows only the keys of clusters within reach so far.
        /// </summary>
        private (int Least, int Nominal, int Most) CappedCuts(int last, double leeway, out double? threshold, out int edgeCluster)
        {
            edgeCluster = -1;
            int step = Math.Min(last, NaiveThreshold.StepOf(1.0 / MemberCap));
            for (; ; step = Math.Min(last, step + 6))
            {
                double at = Mass + Math.Log(NaiveThreshold.Share(step)) + leeway;
                (double Screened, int Cluster, int Product)[] passing = [.. Groups.TakeWhile(group => group.Screened >= at)
                    .SelectMany(group => group.Selected.Select(i => (ScreenedLogit(group.Cluster, Products[group.Cluster][i]), group.Cluster, Products[group.Cluster][i])))
                    .OrderByDescending(key => key.Item1)];
                if (passing.Length <= MemberCap)
                {
                    if (step == last)
                    {
                        threshold = at;
                        return CutsAt(at);
                    }
                    continue;
                }
                (double screened, edgeCluster, _) = passing[MemberCap];
                double edge = Math.Max(at, screened + Math.Max(0.25 * Steps.Min(), Math.Abs(screened) * 1e-6));
                threshold = edge;
                (int least, int nominal, int most) = CutsAt(edge);
                // In its own cluster whole numbers are compared.
                int own = edgeCluster;
                bool rival = Groups.Any(group => group.Cluster != own && Math.Abs(group.Screened - edge) < Gap);
                return rival ? (least, nominal, most) : (nominal, nominal, nominal);
            }
        }

        /// <summary>The largest product that is looked for in the tile of a key.</summary>
        private int Furthest(int c, int key) => Reaches[c][Clusters[c].Tiles[key]];

        private double ScreenedLogit(int c, int product) => CentroidLogits[c] + Clusters[c].MeanLogWeight + (double)Steps[c] * product;

        private (int Least, int Nominal, int Most) CutsAt(double threshold)
        {
            int Count(double at) => Groups.TakeWhile(group => group.Screened >= at).Count();
            return (Count(threshold + Gap), Count(threshold), Count(threshold - Gap));
        }

        private (double[] Output, double LogSumExp, double Magnitude) Softmax(List<(double Logit, double[] Value)> terms)
        {
            var output = new double[ValueDimension];
            if (terms.Count == 0)
            {
                return (output, double.NegativeInfinity, 0);
            }
            double logSumExp = LogSumExp([.. terms.Select(term => term.Logit)]);
            var magnitudes = new double[output.Length];
            foreach ((double logit, double[] value) in terms)
            {
                double weight = Math.Exp(logit - logSumExp);
                for (int c = 0; c < output.Length; c++)
                {
                    output[c] += weight * value[c];
                    magnitudes[c] += weight * Math.Abs(value[c]);
                }
            }
            return (output, logSumExp, Norm(magnitudes));
        }

        private static double LogSumExp(double[] logits)
        {
            double maximum = logits.Max();
            return maximum + Math.Log(logits.Sum(logit => Math.Exp(logit - maximum)));
        }
    }
}
