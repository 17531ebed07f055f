using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Queries of one key/value head that attend together, and what a thread needs for that: rows of one query head are
/// neighbours. Kept between batches.
/// </summary>
internal sealed class QueryBatch(QueryBlock block, int rank) : IDisposable
{
    /// <summary>Steps of the ladder by which a capped row looks further when its cap is not yet used up.</summary>
    private const int CapStride = 6;

    /// <summary>What lifts a threshold over a score that is equal to it, in steps of the sketch.</summary>
    private const double Above = 1e-3;

    /// <summary>Threshold of a row without members.</summary>
    private const double NoMembers = double.PositiveInfinity;

    private readonly List<(int Position, int Head)> _rows = [];
    private readonly List<double> _scores = [];
    private float[] _coordinates = [];
    private int[] _indices = [];
    private int[] _products = [];
    private int[] _visible = [];
    private double[] _thresholds = [];
    private ProbeEvaluation? _probes;

    public QueryBlock Block => block;

    /// <summary>Evaluates rows that are probes.</summary>
    public ProbeEvaluation Probes => _probes ??= new ProbeEvaluation(this);

    /// <summary>Position and query head of each row.</summary>
    public IReadOnlyList<(int Position, int Head)> Rows => _rows;

    /// <summary>Near keys that each row sees.</summary>
    public ReadOnlySpan<int> Visible => _visible.AsSpan(0, block.Rows);

    /// <summary>Forgets all rows.</summary>
    public void Clear()
    {
        block.Clear();
        _rows.Clear();
    }

    /// <summary>Adds a query that sees the first <paramref name="visible"/> near keys.</summary>
    public void Add(ReadOnlySpan<float> query, float scale, int position, int head, int visible)
    {
        int row = block.Add(query, scale);
        if (row >= _visible.Length)
        {
            Array.Resize(ref _visible, Math.Max(64, 2 * _visible.Length));
            Array.Resize(ref _thresholds, _visible.Length);
        }
        _visible[row] = visible;
        _thresholds[row] = NoMembers;
        _rows.Add((position, head));
    }

    /// <summary>
    /// Rows [first, first + count), those of one query head, attend the far part but for members, which wait for
    /// <see cref="AttendMembers"/>.
    /// </summary>
    /// <param name="index">The far part.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="effort">Step of the ladder, or exact.</param>
    /// <param name="memberCaps">Most members of each row; empty: no cap.</param>
    /// <returns>First row that its cap kept from a member; −1 if none.</returns>
    public int AttendFar(KeyIndex index, int first, int count, int effort, ReadOnlySpan<int> memberCaps)
    {
        if (index.Count == 0 || count == 0)
        {
            return -1;
        }
        int firstCapped = -1;
        for (int start = 0, end; start < count; start = end)
        {
            bool exact = IsExact(start, effort, memberCaps, index.Count);
            for (end = start + 1; end < count && IsExact(end, effort, memberCaps, index.Count) == exact; end++)
            {
            }
            if (exact)
            {
                AttendAll(index, first + start, end - start);
                continue;
            }
            block.AttendCentroids(index.Centroids, first + start, end - start);
            for (int row = start; row < end; row++)
            {
                int cap = memberCaps.IsEmpty ? int.MaxValue : memberCaps[row];
                if (SetThreshold(index, first + row, effort, cap) && firstCapped < 0)
                {
                    firstCapped = first + row;
                }
            }
        }
        return firstCapped;
    }

    /// <summary>Rows attend the members that pass their thresholds, a cluster at a time.</summary>
    public void AttendMembers(KeyIndex index)
    {
        foreach (KeyGeneration generation in index.Generations)
        {
            for (int first = 0, end; first < block.Rows; first = end + 1)
            {
                // Neighbours that screen: a threshold's reach needs the sketch.
                for (end = first; end < block.Rows && _thresholds[end] < NoMembers; end++)
                {
                }
                SetSketches(generation, first, end - first);
                for (int row = first; row < end; row++)
                {
                    block.SetThreshold(row, _thresholds[row]);
                }
            }
            for (int i = 0; i < generation.Clusters.Count; i++)
            {
                KeyCluster cluster = generation.Clusters[i];
                block.AttendMembers(generation.FirstCluster + i, cluster.Sketches, cluster.Region, index.Centroids);
            }
        }
    }

    /// <summary>Work of causal rows of one query head that have attended everything.</summary>
    public HeadWork WorkOf(KeyIndex index, int first, int count, int effort, ReadOnlySpan<int> memberCaps, double sketchCost)
    {
        long interactions = 0, screened = 0, exact = 0;
        for (int row = 0; row < count; row++)
        {
            // Rounded row by row, so that how rows came together leaves no trace.
            interactions += _visible[first + row] + (long)Math.Ceiling(block.ScreenedOf(first + row) * sketchCost);
            interactions += IsExact(row, effort, memberCaps, index.Count) ? index.Count : index.Clusters + block.MembersOf(first + row);
            screened += block.ScreenedOf(first + row);
            exact += _rows[first + row].Position + 1;
        }
        return new HeadWork(interactions, screened, exact);
    }

    /// <summary>Sets the sketches of all rows' queries for the keys of a generation.</summary>
    public void SetSketches(KeyGeneration generation) => SetSketches(generation, 0, block.Rows);

    public void Dispose() => block.Dispose();

    private void SetSketches(KeyGeneration generation, int first, int count)
    {
        ReadOnlySpan<float> queries = block.Queries(first, count, out int stride);
        if (_coordinates.Length < count * rank)
        {
            _coordinates = new float[count * rank];
        }
        generation.Basis!.QueryCoordinates(queries, stride, _coordinates.AsSpan(0, count * rank));
        for (int i = 0; i < count; i++)
        {
            block.SetSketch(first + i, _coordinates.AsSpan(i * rank, rank));
        }
    }

    private static bool IsExact(int row, int effort, ReadOnlySpan<int> caps, int keys) =>
        effort == EffortLadder.Exact && (caps.IsEmpty || caps[row] >= keys);

    private void AttendAll(KeyIndex index, int first, int count)
    {
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            block.Attend(index.Region(cluster), first, count, default);
        }
    }

    /// <summary>Sets a row's threshold; says whether its cap keeps it from members that the effort asks for.</summary>
    private bool SetThreshold(KeyIndex index, int row, int effort, int cap)
    {
        if (effort == 0)
        {
            return false;
        }
        if (cap == 0)
        {
            return true;
        }
        double mass = block.LogSumExp(row);
        bool capped = false;
        _thresholds[row] = cap == int.MaxValue
            ? mass + EffortLadder.LogShare(effort)
            : CappedThreshold(index, row, effort, cap, mass, out capped);
        return capped;
    }

    /// <summary>
    /// The threshold that at most <paramref name="cap"/> keys pass, no lower than the effort's. Fewer than 1/θ keys can
    /// have a share of θ, so the search begins where few more than the cap can pass.
    /// </summary>
    private double CappedThreshold(KeyIndex index, int row, int effort, int cap, double mass, out bool capped)
    {
        int last = Math.Min(effort, EffortLadder.Steps - 1);
        for (int step = Math.Min(last, EffortLadder.StepOf(1.0 / cap)); ; step = Math.Min(last, step + CapStride))
        {
            double threshold = mass + EffortLadder.LogShare(step);
            double unit = CollectScores(index, row, threshold);
            if (_scores.Count > cap)
            {
                _scores.Sort();
                capped = true;
                return _scores[^(cap + 1)] + Above * Math.Max(unit, 1e-6);
            }
            if (step == last)
            {
                capped = effort == EffortLadder.Exact;
                return threshold;
            }
        }
    }

    /// <summary>Screened logits of all keys that pass a threshold; returns the largest step of the row's sketches.</summary>
    private float CollectScores(KeyIndex index, int row, double threshold)
    {
        _scores.Clear();
        float step = 0;
        foreach (KeyGeneration generation in index.Generations)
        {
            SetSketches(generation, row, 1);
            step = Math.Max(step, block.SketchStep(row));
            for (int i = 0; i < generation.Clusters.Count; i++)
            {
                CollectScores(index.Centroids, generation.FirstCluster + i, generation.Clusters[i].Sketches, row, threshold);
            }
        }
        return step;
    }

    private void CollectScores(CentroidSet centroids, int cluster, KeySketches sketches, int row, double threshold)
    {
        int least = block.LeastProduct(row, cluster, centroids, threshold);
        if (_indices.Length < sketches.PaddedCount)
        {
            Array.Resize(ref _indices, 2 * sketches.PaddedCount);
            Array.Resize(ref _products, 2 * sketches.PaddedCount);
        }
        int found = block.Screen(row, sketches, least, _indices, _products);
        double centre = (double)block.CentroidLogit(row, cluster) + centroids.MeanLogWeight(cluster);
        for (int i = 0; i < found; i++)
        {
            _scores.Add(centre + (double)block.SketchStep(row) * _products[i]);
        }
    }
}
