using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Kernels;
using Prescore.Tests.Attention.Clustered;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>
/// Clustered attention in fp64, one query at a time: labels and p are those of the trace, everything else is computed
/// from their definition.
/// </summary>
internal sealed class NaiveClustered
{
    /// <summary>Centroid logits nearer than this may be ordered either way by single precision.</summary>
    public const double EdgeGap = 1e-5;

    private readonly AttentionTensors _tensors;
    private readonly AttentionShape _shape;
    private readonly ClusteredOptions _options;
    private readonly ClusteredTrace _trace;
    private readonly double[][] _keys;
    private readonly double[][] _values;
    private readonly Dictionary<(int, int, int), Cluster[]> _clusters = [];

    public NaiveClustered(AttentionTensors tensors, ClusteredOptions options, ClusteredTrace trace)
    {
        (_tensors, _shape, _options, _trace) = (tensors, tensors.Shape, options, trace);
        _keys = Rows(tensors.Keys, _shape.HeadDimension);
        _values = Rows(tensors.Values, _shape.ValueDimension);
    }

    /// <summary>Rows that were left out because single precision may have routed them otherwise.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Interactions of all queries.</summary>
    public long Interactions { get; private set; }

    /// <summary>Asserts that outputs, log-sum-exp and interactions are the naive ones.</summary>
    public void ShouldMatch(double tolerance = 1e-5)
    {
        for (int batch = 0; batch < _shape.Batch; batch++)
        {
            for (int head = 0; head < _shape.QueryHeads; head++)
            {
                for (int query = 0; query < _shape.Queries; query++)
                {
                    CheckRow(batch, head, query, tolerance);
                }
            }
        }
        _trace.Report.Interactions.ShouldBe(Interactions);
    }

    /// <summary>Asserts that the errors in the probe records are those of the naive outputs.</summary>
    public void RecordsShouldMatch(int batch)
    {
        foreach (ProbeRecord record in _trace.Records[batch])
        {
            Query query = Prepare(batch, record.Head, record.Position - _shape.FirstQueryPosition);
            (double[] exact, _, double magnitude) = query.Attend(EffortLadder.Exact, int.MaxValue, out _);
            double rounding = 1e-5 * magnitude;
            Math.Sqrt(record.SquaredNorm).ShouldBe(Norm(exact), rounding);
            record.EffortInUse.ShouldBe(_trace.Blocks[batch][record.Position / _options.BlockSize].Efforts[record.Head]);
            int steps = EffortLadder.Count(_options.LargestEffort);
            record.SquaredErrors.Length.ShouldBe(steps);
            for (int step = 0; step < steps; step++)
            {
                (double[] routed, _, _) = query.Attend(EffortLadder.Steps[step], int.MaxValue, out bool atEdge);
                double expected = Norm([.. routed.Select((x, i) => x - exact[i])]);
                if (!atEdge)
                {
                    Math.Sqrt(record.SquaredErrors[step]).ShouldBe(expected, rounding, $"position {record.Position} head {record.Head} step {step}");
                }
                if (EffortLadder.Steps[step] == record.EffortInUse)
                {
                    record.SquaredErrorInUse.ShouldBe(record.SquaredErrors[step]);
                }
            }
            if (record.EffortInUse == EffortLadder.Exact)
            {
                record.SquaredErrorInUse.ShouldBe(0);
            }
        }
    }

    /// <summary>Exact output's square norm and squared error of the computed output, summed over a head's queries without probes.</summary>
    public double RelativeError(int batch, int head)
    {
        double error = 0, norm = 0;
        for (int query = 0; query < _shape.Queries; query++)
        {
            (double[] exact, _, _) = Prepare(batch, head, query).Attend(EffortLadder.Exact, int.MaxValue, out _);
            ReadOnlySpan<float> row = _tensors.OutputRow(batch, head, query);
            for (int c = 0; c < exact.Length; c++)
            {
                error += Math.Pow(row[c] - exact[c], 2);
                norm += exact[c] * exact[c];
            }
        }
        return Math.Sqrt(error / norm);
    }

    private void CheckRow(int batch, int head, int query, double tolerance)
    {
        Query prepared = Prepare(batch, head, query);
        int effort = prepared.IsProbe ? EffortLadder.Exact : prepared.Effort;
        int cap = prepared.IsProbe ? int.MaxValue : prepared.MemberCap;
        (double[] output, double logSumExp, double magnitude) = prepared.Attend(effort, cap, out bool atEdge);
        Interactions += prepared.Interactions(effort, cap);
        if (atEdge)
        {
            LeftOut++;
            return;
        }
        string where = $"batch {batch} head {head} query {query} p {effort}";
        double error = 0;
        ReadOnlySpan<float> row = _tensors.OutputRow(batch, head, query);
        for (int c = 0; c < output.Length; c++)
        {
            error += Math.Pow(row[c] - output[c], 2);
        }
        Math.Sqrt(error).ShouldBeLessThanOrEqualTo(tolerance * magnitude, where);
        if (double.IsNegativeInfinity(logSumExp))
        {
            _tensors.LogSumExpOf(batch, head, query).ShouldBe(float.NegativeInfinity, where);
        }
        else
        {
            ((double)_tensors.LogSumExpOf(batch, head, query)).ShouldBe(logSumExp, tolerance * Math.Max(1, Math.Abs(logSumExp)), where);
        }
    }

    private Query Prepare(int batch, int head, int query)
    {
        int keyValueHead = head / _shape.GroupSize;
        int position = _shape.FirstQueryPosition + query;
        int block = _tensors.Causal ? position / _options.BlockSize : 0;
        int d = _shape.HeadDimension;
        float scale = 1 / MathF.Sqrt(d);
        double[] q = [.. _tensors.Queries.AsSpan(((batch * _shape.QueryHeads + head) * _shape.Queries + query) * d, d).ToArray().Select(x => (double)x * scale)];
        ClusteredTrace.Block traced = _trace.Blocks[batch][block];
        Cluster[] clusters = ClustersOf(batch, keyValueHead, block);
        int[] near = _tensors.Causal
            ? [.. Enumerable.Range(0, position + 1).Where(key => key < 4 || key >= (long)block * _options.BlockSize - _options.Near)]
            : [];
        return new Query
        {
            Position = position,
            Effort = traced.Efforts[head],
            NearCount = near.Length,
            Near = [.. near.Where(key => Kept(batch, keyValueHead, key)).Select(key => KeyTerm(q, batch, keyValueHead, key))],
            Clusters = clusters,
            Members = [.. clusters.Select(cluster => cluster.Keys.Select(key => KeyTerm(q, batch, keyValueHead, key)).ToArray())],
            CentroidLogits = [.. clusters.Select(cluster => Dot(q, cluster.Key))],
            IsProbe = IsProbe(batch, keyValueHead, query, block),
            MemberCap = Cap(batch, keyValueHead, position, block, near.Length),
            ValueDimension = _shape.ValueDimension,
        };
    }

    private Cluster[] ClustersOf(int batch, int keyValueHead, int block)
    {
        if (_clusters.TryGetValue((batch, keyValueHead, block), out Cluster[]? known))
        {
            return known;
        }
        long end = _tensors.Causal ? (long)block * _options.BlockSize - _options.Near : _shape.Keys;
        int[] far = [.. Enumerable.Range(0, _shape.Keys).Where(key => (key >= 4 || !_tensors.Causal) && key < end && Kept(batch, keyValueHead, key))];
        int[] labels = _trace.Blocks[batch][block].Labels[keyValueHead];
        labels.Length.ShouldBe(far.Length);
        int count = labels.Length == 0 ? 0 : labels.Max() + 1;
        Cluster[] clusters = [.. Enumerable.Range(0, count).Select(c => ClusterOf(batch, keyValueHead, [.. far.Where((_, i) => labels[i] == c)]))];
        _clusters.Add((batch, keyValueHead, block), clusters);
        return clusters;
    }

    private Cluster ClusterOf(int batch, int keyValueHead, int[] keys)
    {
        keys.ShouldNotBeEmpty();
        double[] weights = [.. keys.Select(key => Math.Exp(LogWeight(batch, keyValueHead, key)))];
        double sum = weights.Sum();
        int row = Row(batch, keyValueHead, 0);
        double[] Mean(double[][] rows) =>
            [.. Enumerable.Range(0, rows[0].Length).Select(l => keys.Select((key, i) => weights[i] * rows[row + key][l]).Sum() / sum)];
        return new Cluster(keys, Mean(_keys), Mean(_values), Math.Log(sum));
    }

    private bool IsProbe(int batch, int keyValueHead, int query, int block)
    {
        if (!_tensors.Causal)
        {
            int count = Math.Min(2 * _options.Probes, _shape.Queries);
            return Enumerable.Range(0, count).Any(i => (2L * i + 1) * _shape.Queries / (2 * count) == query);
        }
        int start = block * _options.BlockSize;
        if (start - _options.Near <= 4 || block % _options.ProbeSpacing != 1 % _options.ProbeSpacing || _trace.Blocks[batch][block].Labels[keyValueHead].Length == 0)
        {
            return false;
        }
        int probes = Math.Min(_options.Probes, _options.BlockSize);
        int offset = _shape.FirstQueryPosition + query - start;
        return Enumerable.Range(0, probes).Any(i => (2 * i + 1) * _options.BlockSize / (2 * probes) == offset);
    }

    /// <summary>What the budget leaves a query for members.</summary>
    private int Cap(int batch, int keyValueHead, int position, int block, int near)
    {
        if (_options.Budget is not < 1)
        {
            return int.MaxValue;
        }
        int clusters = ClustersOf(batch, keyValueHead, block).Length;
        if (!_tensors.Causal)
        {
            int probed = Enumerable.Range(0, _shape.Queries).Count(query => IsProbe(batch, keyValueHead, query, 0));
            double rest = _options.Budget.Value * _shape.Keys * _shape.Queries - (double)probed * (_shape.Keys + clusters);
            return Math.Max(0, (int)(rest / (_shape.Queries - probed)) - clusters);
        }
        double all = 0, spent = 0, left = 0;
        for (int t = block * _options.BlockSize; t < (block + 1) * _options.BlockSize; t++)
        {
            bool probe = IsProbe(batch, keyValueHead, t - _shape.FirstQueryPosition, block);
            all += t + 1;
            spent += probe ? t + 1 + clusters : 0;
            left += probe ? 0 : t + 1;
        }
        return Math.Max(0, (int)((_options.Budget.Value * all - spent) / left * (position + 1)) - near - clusters);
    }

    private (double Logit, double[] Value) KeyTerm(double[] q, int batch, int keyValueHead, int key)
    {
        int row = Row(batch, keyValueHead, key);
        return (Dot(q, _keys[row]) + LogWeight(batch, keyValueHead, key), _values[row]);
    }

    private int Row(int batch, int keyValueHead, int key) => (batch * _shape.KeyValueHeads + keyValueHead) * _shape.Keys + key;

    private double LogWeight(int batch, int keyValueHead, int key) =>
        _tensors.KeyLogWeights.Length == 0 ? 0 : _tensors.KeyLogWeights[Row(batch, keyValueHead, key)];

    private bool Kept(int batch, int keyValueHead, int key) => LogWeight(batch, keyValueHead, key) > double.NegativeInfinity;

    private double[][] Rows(float[] data, int columns) =>
        [.. data.Chunk(columns).Select(row => row.Select(x => _options.Storage == KeyValueStorage.Fp16 ? (double)(Half)x : x).ToArray())];

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int l = 0; l < a.Length; l++)
        {
            sum += a[l] * b[l];
        }
        return sum;
    }

    private static double Norm(double[] x) => Math.Sqrt(Dot(x, x));

    private sealed record Cluster(int[] Keys, double[] Key, double[] Value, double LogWeight);

    private sealed class Query
    {
        public required int Position { get; init; }

        public required int Effort { get; init; }

        public required int NearCount { get; init; }

        public required (double Logit, double[] Value)[] Near { get; init; }

        public required Cluster[] Clusters { get; init; }

        public required (double Logit, double[] Value)[][] Members { get; init; }

        public required double[] CentroidLogits { get; init; }

        public required bool IsProbe { get; init; }

        public required int MemberCap { get; init; }

        public required int ValueDimension { get; init; }

        public (double[] Output, double LogSumExp, double Magnitude) Attend(int effort, int cap, out bool atEdge)
        {
            HashSet<int> visited = Visited(effort, cap, out atEdge);
            var terms = new List<(double Logit, double[] Value)>(Near);
            for (int c = 0; c < Clusters.Length; c++)
            {
                if (visited.Contains(c))
                {
                    terms.AddRange(Members[c]);
                }
                else
                {
                    terms.Add((CentroidLogits[c] + Clusters[c].LogWeight, Clusters[c].Value));
                }
            }
            var output = new double[ValueDimension];
            if (terms.Count == 0)
            {
                return (output, double.NegativeInfinity, 0);
            }
            double maximum = terms.Max(term => term.Logit);
            double sum = terms.Sum(term => Math.Exp(term.Logit - maximum));
            var magnitudes = new double[output.Length];
            foreach ((double logit, double[] value) in terms)
            {
                double weight = Math.Exp(logit - maximum) / sum;
                for (int c = 0; c < output.Length; c++)
                {
                    output[c] += weight * value[c];
                    magnitudes[c] += weight * Math.Abs(value[c]);
                }
            }
            return (output, maximum + Math.Log(sum), Norm(magnitudes));
        }

        public long Interactions(int effort, int cap)
        {
            int far = Clusters.Sum(cluster => cluster.Keys.Length);
            if (far == 0)
            {
                return NearCount;
            }
            if (IsProbe)
            {
                return NearCount + far + Clusters.Length;
            }
            return effort == EffortLadder.Exact && cap == int.MaxValue
                ? NearCount + far
                : NearCount + Clusters.Length + Visited(effort, cap, out _).Sum(c => Clusters[c].Keys.Length);
        }

        /// <summary>The best clusters by centroid logit, ties to the lower index, as many as p and the cap allow.</summary>
        private HashSet<int> Visited(int effort, int cap, out bool atEdge)
        {
            int[] order = [.. Enumerable.Range(0, Clusters.Length).OrderByDescending(c => CentroidLogits[c]).ThenBy(c => c)];
            int kept = 0;
            for (long members = 0; kept < Math.Min(effort, order.Length); kept++)
            {
                members += Clusters[order[kept]].Keys.Length;
                if (members > cap)
                {
                    break;
                }
            }
            atEdge = kept > 0 && kept < order.Length && CentroidLogits[order[kept - 1]] - CentroidLogits[order[kept]] < EdgeGap;
            return [.. order[..kept]];
        }
    }
}
