using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Tests.Attention.Clustered;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>
/// Clustered attention in fp64, one query at a time. Of the trace it takes the labels and sketches of the keys, the
/// sketches' basis and the step in use; the levels of a query's sketch it rounds in single precision as the library does,
/// as a tie would otherwise fall to either side. All else follows from definitions: a rest is the mean of the keys that
/// are left, not a difference of sums. Keys whose screened logit lies within <see cref="Gap"/> of the threshold may be
/// members or not: then the output must be that of one of the choices. <see cref="Ambiguous"/> counts these rows.
/// </summary>
internal sealed partial class NaiveClustered
{
    /// <summary>Screened logits and thresholds nearer than this may be ordered either way by single precision.</summary>
    public const double Gap = 3e-5;

    private readonly AttentionTensors _tensors;
    private readonly AttentionShape _shape;
    private readonly ClusteredOptions _options;
    private readonly ClusteredTrace _trace;
    private readonly double[][] _keys;
    private readonly double[][] _values;
    private readonly Dictionary<(int, int, int), Cluster[]> _clusters = [];

    /// <summary>Whether a block's rows met their cap, by batch, query head and block; null: cannot be told.</summary>
    private readonly Dictionary<(int, int, int), bool?> _unmet = [];

    public NaiveClustered(AttentionTensors tensors, ClusteredOptions options, ClusteredTrace trace)
    {
        (_tensors, _shape, _options, _trace) = (tensors, tensors.Shape, options, trace);
        _keys = Rows(tensors.Keys, _shape.HeadDimension, bits: 13);
        _values = Rows(tensors.Values, _shape.ValueDimension, bits: 15);
    }

    /// <summary>Rows and probes checked.</summary>
    public int Checked { get; private set; }

    /// <summary>Of these, the ones where single precision may choose other members.</summary>
    public int Ambiguous { get; private set; }

    /// <summary>Least and most interactions of all queries.</summary>
    public (long Least, long Most) Interactions { get; private set; }

    /// <summary>Least and most sketches read.</summary>
    public (long Least, long Most) Screened { get; private set; }

    /// <summary>Selected of all queries but probes.</summary>
    public long Selected { get; private set; }

    /// <summary>Asserts that outputs, log-sum-exp and all counts are the naive ones.</summary>
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
        _trace.Report.Interactions.ShouldBeInRange(Interactions.Least, Interactions.Most);
        _trace.Report.Screened.ShouldBeInRange(Screened.Least, Screened.Most);
        // What cannot be told is next to nothing.
        (Interactions.Most - Interactions.Least).ShouldBeLessThanOrEqualTo(2 + Interactions.Most / 1000);
        (Screened.Most - Screened.Least).ShouldBeLessThanOrEqualTo(Screened.Most / 200);
        CheckCertificates();
    }

    /// <summary>Asserts that the probe records are those of the naive outputs and that steps follow from them.</summary>
    public void RecordsShouldMatch(int batch)
    {
        foreach (ProbeRecord record in _trace.Records[batch])
        {
            Query query = Prepare(batch, record.Head, record.Position - _shape.FirstQueryPosition);
            record.Far.ShouldBe(query.Far);
            record.ThresholdInUse.ShouldBe(query.Threshold);
            CheckRecord(record, query, $"position {record.Position} head {record.Head}");
        }
        for (int block = 0; block < _trace.Blocks[batch].Count; block++)
        {
            for (int head = 0; head < _shape.QueryHeads; head++)
            {
                Cluster[] clusters = ClustersOf(batch, head / _shape.GroupSize, block);
                int chosen = NaiveThreshold.Choose(
                    _trace.Records[batch], _options, head, block * _options.BlockSize, clusters.Sum(cluster => cluster.Keys.Length), clusters.Length);
                _trace.Blocks[batch][block].ChosenThresholds[head].ShouldBe(chosen, $"block {block} head {head}");
            }
        }
    }

    /// <summary>
    /// Without causality there are no records to read: asserts that the steps are those that the naive errors of every
    /// second probe choose. Targets near an error may fall to either side; returns how many heads could not be told.
    /// </summary>
    public int ChoicesShouldMatch(int batch)
    {
        int untold = 0;
        int[] positions = ProbePositions();
        for (int head = 0; head < _shape.QueryHeads; head++)
        {
            int Choose(double leeway)
            {
                ProbeRecord[] records = [.. positions.Where((_, i) => i % 2 == 0).Select(query =>
                {
                    Query q = Prepare(batch, head, query);
                    int last = LastStep(q.Far);
                    var outputs = Enumerable.Range(0, last + 1).Select(step => q.Attend(q.CutOf(step))).ToArray();
                    double[] exact = q.AttendAll().Output;
                    return new ProbeRecord(
                        0,
                        head,
                        [.. Enumerable.Range(0, Thresholds.Count).Select(step => (float)(leeway * Math.Pow(Distance(outputs[Math.Min(step, last)].Output, exact), 2)))],
                        [.. Enumerable.Range(0, Thresholds.Count).Select(step => step > last ? q.Far : q.Selected(q.CutOf(step)))],
                        q.Far,
                        exact.Sum(x => x * x),
                        1,
                        0);
                })];
                Cluster[] clusters = ClustersOf(batch, head / _shape.GroupSize, 0);
                return NaiveThreshold.Choose(records, _options, head, 1, clusters.Sum(cluster => cluster.Keys.Length), clusters.Length);
            }

            int chosen = _trace.Blocks[batch][0].ChosenThresholds[head];
            new[] { Choose(0.999), Choose(1.001) }.ShouldContain(chosen);
            untold += Choose(0.999) == Choose(1.001) ? 0 : 1;
        }
        return untold;
    }

    /// <summary>Exact output's square norm and squared error of the computed output, summed over a head's queries.</summary>
    public double RelativeError(int batch, int head)
    {
        double error = 0, norm = 0;
        for (int query = 0; query < _shape.Queries; query++)
        {
            double[] exact = Prepare(batch, head, query).AttendAll().Output;
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
        string where = $"batch {batch} head {head} query {query} step {prepared.Threshold}";
        Checked++;
        bool exact = prepared.IsProbe || prepared.Far == 0 || (prepared.Threshold == Thresholds.Exact && prepared.MemberCap >= prepared.Far);
        if (exact)
        {
            int work = prepared.NearCount + prepared.Far + (prepared.IsProbe ? prepared.Clusters.Length : 0);
            Count((work, work), (0, 0));
            Matches(prepared.AttendAll(), batch, head, query, tolerance).ShouldBeTrue(where);
            return;
        }
        (int least, int nominal, int most) = prepared.Cuts(out double? threshold, out bool? unmet);
        NoteUnmet(batch, head, query, unmet);
        Ambiguous += least < most ? 1 : 0;
        Selected += prepared.Selected(nominal);
        (int Least, int Most) screened = prepared.Screens(threshold);
        double sketch = _options.SketchRank / (4.0 * (_shape.HeadDimension + _shape.ValueDimension));
        int other = prepared.NearCount + prepared.Clusters.Length;
        Count(
            (other + prepared.Selected(least) + (int)Math.Ceiling(screened.Least * sketch), other + prepared.Selected(most) + (int)Math.Ceiling(screened.Most * sketch)),
            screened);
        prepared.Selected(least).ShouldBeLessThanOrEqualTo(prepared.MemberCap, where);
        Enumerable.Range(least, most - least + 1).Any(cut => Matches(prepared.Attend(cut), batch, head, query, tolerance))
            .ShouldBeTrue($"{where}: {prepared.Selected(least)} to {prepared.Selected(most)} members");
    }

    private void Count((long Least, long Most) interactions, (long Least, long Most) screened)
    {
        Interactions = (Interactions.Least + interactions.Least, Interactions.Most + interactions.Most);
        Screened = (Screened.Least + screened.Least, Screened.Most + screened.Most);
    }

    private bool Matches((double[] Output, double LogSumExp, double Magnitude) expected, int batch, int head, int query, double tolerance)
    {
        ReadOnlySpan<float> row = _tensors.OutputRow(batch, head, query);
        float logSumExp = _tensors.LogSumExpOf(batch, head, query);
        bool sameSum = double.IsNegativeInfinity(expected.LogSumExp)
            ? float.IsNegativeInfinity(logSumExp)
            : Math.Abs(logSumExp - expected.LogSumExp) <= tolerance * Math.Max(1, Math.Abs(expected.LogSumExp));
        return sameSum && Distance([.. row.ToArray().Select(x => (double)x)], expected.Output) <= tolerance * expected.Magnitude;
    }

    private void NoteUnmet(int batch, int head, int query, bool? unmet)
    {
        (int, int, int) block = (batch, head, _tensors.Causal ? (_shape.FirstQueryPosition + query) / _options.BlockSize : 0);
        bool? before = _unmet.GetValueOrDefault(block, false);
        _unmet[block] = unmet == true || before == true ? true : unmet is null || before is null ? null : false;
    }

    private void CheckCertificates()
    {
        for (int i = 0; i < _trace.Certificates.Count; i++)
        {
            int batch = i / _shape.QueryHeads, head = i % _shape.QueryHeads;
            bool?[] unmet = [.. _unmet.Where(entry => entry.Key.Item1 == batch && entry.Key.Item2 == head).Select(entry => entry.Value)];
            _trace.Certificates[i].UnmetBlocks.ShouldBeInRange(unmet.Count(x => x == true), unmet.Count(x => x != false), $"batch {batch} head {head}");
        }
        _trace.Certificates.Sum(certificate => certificate.Interactions).ShouldBe(_trace.Report.Interactions);
        _trace.Certificates.Sum(certificate => certificate.Screened).ShouldBe(_trace.Report.Screened);
    }

    private void CheckRecord(ProbeRecord record, Query query, string where)
    {
        (double[] exact, _, double magnitude) = query.AttendAll();
        double rounding = 1e-5 * magnitude;
        Math.Sqrt(record.SquaredNorm).ShouldBe(Norm(exact), rounding, where);
        (record.SquaredErrors.Length, record.Selected.Length).ShouldBe((49, 49));
        int last = LastStep(query.Far);
        for (int step = 0; step < record.SquaredErrors.Length; step++)
        {
            if (step > last)
            {
                (record.SquaredErrors[step], record.Selected[step]).ShouldBe((record.SquaredErrors[last], query.Far), where);
                continue;
            }
            (int least, _, int most) = query.CutsOfStep(step);
            Checked++;
            Ambiguous += least < most ? 1 : 0;
            record.Selected[step].ShouldBeInRange(query.Selected(least), query.Selected(most), $"{where} step {step}");
            double error = Math.Sqrt(record.SquaredErrors[step]);
            double[] choices = [.. Enumerable.Range(least, most - least + 1).Select(cut => Distance(query.Attend(cut).Output, exact))];
            choices.Min(choice => Math.Abs(choice - error)).ShouldBeLessThanOrEqualTo(rounding, $"{where} step {step}");
        }
        record.SquaredErrorInUse.ShouldBe(record.ThresholdInUse == Thresholds.Exact ? 0 : record.SquaredErrors[record.ThresholdInUse]);
    }

    /// <summary>The last step that probes measure: the first with a share of at most half an even one.</summary>
    private int LastStep(int far) => Math.Min(NaiveThreshold.StepOf(0.5 / far), _options.LastThreshold);

    private Query Prepare(int batch, int head, int query)
    {
        int keyValueHead = head / _shape.GroupSize;
        int position = _shape.FirstQueryPosition + query;
        int block = _tensors.Causal ? position / _options.BlockSize : 0;
        int d = _shape.HeadDimension;
        float scale = 1 / MathF.Sqrt(d);
        float[] scaled = [.. _tensors.Queries.AsSpan(((batch * _shape.QueryHeads + head) * _shape.Queries + query) * d, d).ToArray().Select(x => x * scale)];
        double[] q = [.. scaled.Select(x => (double)x)], rounded = RoundedQuery(scaled);
        ClusteredTrace.Block traced = _trace.Blocks[batch][block];
        Cluster[] clusters = ClustersOf(batch, keyValueHead, block);
        int[] near = _tensors.Causal
            ? [.. Enumerable.Range(0, position + 1).Where(key => key < 4 || key >= (long)block * _options.BlockSize - _options.Near)]
            : [];
        float[] single = [.. rounded.Select(x => (float)x)];
        (int[] Levels, float Step)[] sketches = [.. traced.Heads[keyValueHead].Bases.Select(basis => Sketch(single, basis))];
        return new Query
        {
            Threshold = traced.ChosenThresholds[head],
            NearCount = near.Length,
            Near = [.. near.Where(key => Kept(batch, keyValueHead, key)).Select(key => Row(batch, keyValueHead, key)).Select(row => (Dot(q, _keys[row]) + LogWeight(row), _values[row]))],
            Clusters = clusters,
            Logits = [.. clusters.Select(cluster => cluster.Rows.Select(row => Dot(rounded, _keys[row])).ToArray())],
            ExactLogits = [.. clusters.Select(cluster => cluster.Rows.Select(row => Dot(q, _keys[row])).ToArray())],
            Values = _values,
            Products = [.. clusters.Select((cluster, c) => cluster.Codes.Select(code => Product(code, sketches[c].Levels)).ToArray())],
            CentroidLogits = [.. clusters.Select(cluster => Dot(rounded, cluster.Key))],
            Reaches = [.. sketches.Select((sketch, c) => clusters[c].ReachesOf(sketch.Levels))],
            Steps = [.. sketches.Select(sketch => sketch.Step)],
            IsProbe = IsProbe(batch, keyValueHead, query, block),
            MemberCap = Cap(batch, keyValueHead, position, block, near.Length),
            ValueDimension = _shape.ValueDimension,
        };
    }

    /// <summary>Levels of a query's sketch and the logit of one level times one code.</summary>
    private (int[] Levels, float Step) Sketch(float[] query, SketchBasis basis)
    {
        var coordinates = new float[basis.Stride];
        basis.QueryCoordinates(query, coordinates);
        int rank = _options.SketchRank;
        float sum = 0;
        foreach (float coordinate in coordinates)
        {
            sum += Math.Abs(coordinate);
        }
        // Levels up to 66; and Σ level · code of any code up to 63 fits 16 bits, levels rounded up by a half even.
        float step = Math.Max(coordinates.Max(Math.Abs) / 66, sum / (32767 / 63 - rank / 2));
        float perStep = step > 0 ? 1 / step : 0;
        return ([.. coordinates.Take(rank).Select(x => (int)MathF.Round(x * perStep))], step);
    }

    private Cluster[] ClustersOf(int batch, int keyValueHead, int block)
    {
        if (_clusters.TryGetValue((batch, keyValueHead, block), out Cluster[]? known))
        {
            return known;
        }
        long end = _tensors.Causal ? (long)block * _options.BlockSize - _options.Near : _shape.Keys;
        int[] far = [.. Enumerable.Range(0, _shape.Keys).Where(key => (key >= 4 || !_tensors.Causal) && key < end && Kept(batch, keyValueHead, key))];
        ClusteredTrace.KeyValueHead traced = _trace.Blocks[batch][block].Heads[keyValueHead];
        traced.Labels.Length.ShouldBe(far.Length);
        int count = far.Length == 0 ? 0 : traced.Labels.Max() + 1;
        Cluster[] clusters = [.. Enumerable.Range(0, count).Select(c =>
        {
            int[] members = [.. Enumerable.Range(0, far.Length).Where(i => traced.Labels[i] == c)];
            return ClusterOf([.. members.Select(i => Row(batch, keyValueHead, far[i]))], [.. members.Select(i => far[i])], [.. members.Select(i => traced.Codes[i])], [.. members.Select(i => traced.Tiles[i])]);
        })];
        _clusters.Add((batch, keyValueHead, block), clusters);
        return clusters;
    }

    private Cluster ClusterOf(int[] rows, int[] keys, sbyte[][] codes, int[] tiles)
    {
        keys.ShouldNotBeEmpty();
        double[] weights = [.. rows.Select(row => Math.Exp(LogWeight(row)))];
        double[] Mean(double[][] all) =>
            [.. Enumerable.Range(0, all[0].Length).Select(l => rows.Select((row, i) => weights[i] * all[row][l]).Sum() / weights.Sum())];
        return new Cluster(keys, rows, [.. rows.Select(LogWeight)], codes, tiles, Mean(_keys), Mean(_values), weights.Sum());
    }

    private int[] ProbePositions()
    {
        int count = Math.Min(2 * _options.Probes, _shape.Queries);
        return [.. Enumerable.Range(0, count).Select(i => (int)((2L * i + 1) * _shape.Queries / (2 * count)))];
    }

    private bool IsProbe(int batch, int keyValueHead, int query, int block)
    {
        if (!_tensors.Causal)
        {
            return ProbePositions().Contains(query);
        }
        int start = block * _options.BlockSize;
        // Half as often from 32 blocks on, and again from 64, but more often at first; the tests stay below 128.
        int close = block switch { < 4 => 1, < 8 => 2, < 16 => 4, < 32 => 8, < 64 => 16, _ => 32 };
        int spacing = Math.Min(close, block < 32 ? _options.ProbeSpacing : block < 64 ? 2 * _options.ProbeSpacing : 4 * _options.ProbeSpacing);
        block.ShouldBeLessThan(128);
        if (start - _options.Near <= 4 || block % spacing != 1 % spacing || _trace.Blocks[batch][block].Heads[keyValueHead].Labels.Length == 0)
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
        Cluster[] index = ClustersOf(batch, keyValueHead, block);
        int clusters = index.Length;
        double screening = Math.Ceiling(_options.SketchRank / (4.0 * (_shape.HeadDimension + _shape.ValueDimension)) * index.Sum(cluster => cluster.Keys.Length));
        if (!_tensors.Causal)
        {
            int probed = ProbePositions().Length;
            double rest = _options.Budget.Value * _shape.Keys * _shape.Queries - (double)probed * (_shape.Keys + clusters);
            return Math.Max(0, (int)(rest / (_shape.Queries - probed) - screening) - clusters);
        }
        int[] positions = [.. Enumerable.Range(block * _options.BlockSize, _options.BlockSize)];
        ILookup<bool, int> rows = positions.ToLookup(t => IsProbe(batch, keyValueHead, t - _shape.FirstQueryPosition, block));
        double all = positions.Sum(t => t + 1.0), spent = rows[true].Sum(t => t + 1 + clusters);
        int Least(int t) => Enumerable.Range(0, t + 1).Count(key => key < 4 || key >= (long)block * _options.BlockSize - _options.Near) + clusters;
        // Queries in descending order of what they cannot do without, relative to their keys: the first ones take it.
        int[] order = [.. rows[false].OrderByDescending(t => (double)Least(t) / (t + 1))];
        double share = 0;
        for (int first = 0; first < order.Length; first++)
        {
            share = (_options.Budget.Value * all - spent) / order.Skip(first).Sum(t => t + 1.0);
            if (Least(order[first]) <= share * (order[first] + 1))
            {
                break;
            }
            spent += Least(order[first]);
            share = 0;
        }
        return Math.Max(0, (int)(share * (position + 1) - screening) - near - clusters);
    }

    private int Row(int batch, int keyValueHead, int key) => (batch * _shape.KeyValueHeads + keyValueHead) * _shape.Keys + key;

    private double LogWeight(int row) => _tensors.KeyLogWeights.Length == 0 ? 0 : _tensors.KeyLogWeights[row];

    private bool Kept(int batch, int keyValueHead, int key) => LogWeight(Row(batch, keyValueHead, key)) > double.NegativeInfinity;

    /// <summary>Rows as they are stored: whole numbers of some bits times a power of two that follows from the largest.</summary>
    private static double[][] Rows(float[] data, int columns, int bits) =>
        [.. data.Chunk(columns).Select(row =>
        {
            double largest = row.Max(x => Math.Abs((double)x));
            double scale = largest == 0 ? 1 : Math.Pow(2, Math.Floor(Math.Log2(largest)) + 1 - bits);
            scale *= largest / scale > Math.Pow(2, bits) - 1 ? 2 : 1;
            return row.Select(x => Math.Round(x / scale) * scale).ToArray();
        })];

    /// <summary>The query as the far part is attended with: whole numbers whose products with 13-bit keys add up in 32 bits.</summary>
    private static double[] RoundedQuery(float[] query)
    {
        int levels = Math.Min(32767, int.MaxValue / 8191 / query.Length);
        float step = query.Max(Math.Abs) / levels, perStep = step > 0 ? 1 / step : 0;
        return [.. query.Select(x => (double)(MathF.Round(x * perStep) * step))];
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int l = 0; l < a.Length; l++)
        {
            sum += a[l] * b[l];
        }
        return sum;
    }

    private static int Product<T>(T[] a, int[] b)
        where T : System.Numerics.IBinaryInteger<T> => a.Zip(b, (x, y) => int.CreateChecked(x) * y).Sum();

    private static double Norm(double[] x) => Math.Sqrt(Dot(x, x));

    private static double Distance(double[] a, double[] b) => Norm([.. a.Zip(b, (x, y) => x - y)]);

    /// <summary>Keys of a cluster, their rows in the tensors, what they weigh, and their means.</summary>
    private sealed record Cluster(int[] Keys, int[] Rows, double[] LogWeights, sbyte[][] Codes, int[] Tiles, double[] Key, double[] Value, double Weight)
    {
        public double[] Weights { get; } = [.. LogWeights.Select(Math.Exp)];

        /// <summary>ln of the mean weight.</summary>
        public double MeanLogWeight { get; } = Math.Log(Weight / Keys.Length);

        /// <summary>
        /// The largest product that a query's sketch is taken to have in each tile: with the first coordinate, whose sign
        /// counts, as far as any key of the tile goes, and of the others, which fall into three bands (3, 8 and the rest), 2.1
        /// deviations of a product with the tile's longest sketches. In single precision as in the library, since whole
        /// products may equal it.
        /// </summary>
        public Dictionary<int, int> ReachesOf(int[] levels)
        {
            int rank = levels.Length;
            (int Start, int End)[] bands = [(1, 4), (4, Math.Min(12, rank)), (Math.Min(12, rank), rank)];
            int Squares(IEnumerable<int> numbers, (int Start, int End) band) => numbers.Skip(band.Start).Take(band.End - band.Start).Sum(x => x * x);
            float[] squares = [.. bands.Select(band => 1.8f * 1.8f / Math.Max(1, band.End - band.Start) * Squares(levels, band))];
            return Enumerable.Range(0, Tiles.Length).GroupBy(i => Tiles[i], i => Codes[i]).ToDictionary(tile => tile.Key, tile =>
            {
                float[] radii = [.. bands.Select(band => (float)tile.Max(code => Squares(code.Select(x => (int)x), band)))];
                float furthest = MathF.FusedMultiplyAdd(squares[2], radii[2], MathF.FusedMultiplyAdd(squares[1], radii[1], squares[0] * radii[0]));
                int lead = tile.Max(code => code[0] * levels[0]);
                int beyond = (int)MathF.Sqrt(furthest) + 1;
                while ((float)beyond * beyond > furthest)
                {
                    beyond--;
                }
                return lead + beyond;
            });
        }
    }

    /// <summary>
    /// Keys of one cluster with the same sketch product, or with products beyond the reach of their slots: they become
    /// members together, when the threshold comes down to their screened logit or that reach.
    /// </summary>
    private readonly record struct Group(int Cluster, double Screened, int[] Selected);
}
