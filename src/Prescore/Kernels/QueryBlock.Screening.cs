using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// Screening: every cluster is one term of a row's softmax; members whose sketch promises enough of the row's attention
/// are then computed exactly and taken out of their cluster's term.
/// </summary>
internal abstract unsafe partial class QueryBlock
{
    /// <summary>A cluster's rest that weighs less than this part of it is left out: what is left of the sums is rounding.</summary>
    public const double LeastRest = 1e-3;

    /// <summary>
    /// Rows [first, first + count) attend every cluster as one term with logit scale·q·μ + ln W and its mean value. The
    /// logits of the mean keys are kept for screening.
    /// </summary>
    public abstract void AttendCentroids(CentroidSet centroids, int first, int count);

    /// <summary>Log-sum-exp of what a row has attended so far.</summary>
    public abstract float LogSumExp(int row);

    /// <summary>scale·q·μ of a row that has attended the centroids.</summary>
    public abstract float CentroidLogit(int row, int cluster);

    /// <summary>Sets the query's sketch of a row, rounded to whole levels.</summary>
    /// <param name="row">The row.</param>
    /// <param name="coordinates">Coordinates of the scaled query [rank].</param>
    public abstract void SetSketch(int row, ReadOnlySpan<float> coordinates);

    /// <summary>
    /// Has a row attend exactly, in <see cref="AttendMembers"/>, the members whose screened logit (with their cluster's
    /// mean log-weight) is at least <paramref name="threshold"/>, where that is within <see cref="KeySketches.Reach"/>.
    /// </summary>
    public abstract void SetThreshold(int row, double threshold);

    /// <summary>Logit that one unit of a row's sketch products stands for; 0 where the query has no sketch to speak of.</summary>
    public abstract float SketchStep(int row);

    /// <summary>
    /// The smallest sketch product with which a member of a cluster reaches a threshold; int.MaxValue where none can.
    /// </summary>
    public abstract int LeastProduct(int row, int cluster, KeySketches sketches, CentroidSet centroids, double threshold);

    /// <summary><see cref="LeastProduct"/> of many thresholds.</summary>
    public abstract void LeastProducts(
        int row, int cluster, KeySketches sketches, CentroidSet centroids, ReadOnlySpan<double> thresholds, Span<int> least);

    /// <summary>Members of a cluster whose sketch product with a row's is at least <paramref name="least"/>; returns how many.</summary>
    /// <param name="row">The row.</param>
    /// <param name="sketches">Sketches of the cluster's members.</param>
    /// <param name="least">Smallest product.</param>
    /// <param name="indices">Receives their slots, ascending; room for <see cref="KeySketches.PaddedCount"/>.</param>
    /// <param name="products">Receives their products; the same room.</param>
    public abstract int Screen(int row, KeySketches sketches, int least, Span<int> indices, Span<int> products);

    /// <summary>
    /// Has <see cref="MemberLogits"/> and <see cref="AddMembers"/> read a cluster's keys and values, which must not change
    /// in between.
    /// </summary>
    public abstract void OpenRegion(KeyRegion region);

    /// <summary>Logits scale·q·k of some members, without log-weights; there is room for a multiple of 4 logits.</summary>
    public abstract void MemberLogits(int row, ReadOnlySpan<int> indices, Span<float> logits);

    /// <summary>sum += firstWeight · first + Σ weights[i] · v of some members.</summary>
    /// <param name="indices">The members.</param>
    /// <param name="weights">Their weights.</param>
    /// <param name="sum">What to add to [<see cref="ValueFloats"/>].</param>
    /// <param name="first">What to add besides, the sum itself even [<see cref="ValueFloats"/>].</param>
    /// <param name="firstWeight">Its weight.</param>
    public abstract void AddMembers(
        ReadOnlySpan<int> indices, ReadOnlySpan<float> weights, Span<float> sum, ReadOnlySpan<float> first, float firstWeight);

    /// <summary>All rows with a threshold screen a cluster and attend what passes.</summary>
    public abstract void AttendMembers(int cluster, KeySketches sketches, KeyRegion region, CentroidSet centroids);

    /// <summary>Members that a row has attended in <see cref="AttendMembers"/>.</summary>
    public abstract int MembersOf(int row);

    /// <summary>Keys whose sketches a row has read in <see cref="AttendMembers"/>.</summary>
    public abstract int ScreenedOf(int row);
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    /// <summary>Members that wait before they are attended together.</summary>
    private const int WaitingMembers = 2048;

    /// <summary>Rows whose logits are transposed at a time.</summary>
    private const int TransposedRows = 8;

    private NativeBuffer? _centroidLogits;
    private NativeBuffer? _centroidWeights;
    private NativeBuffer? _memberRows;
    private float* _openKeys;
    private float* _openValues;
    private nint _openValueStride;
    private nint _centroidStride;
    private nint _logitStride;
    private readonly ScreenState[] _screens;
    private readonly int[] _candidates;
    private readonly float* _leastLogits;
    private readonly float* _reaches;
    private int[] _sketches = [];
    private bool _screening;
    private int _quads;

    private int[] _waitingIndices = [];
    private float[] _waitingLogits = [];
    private float[] _waitingRests = [];
    private float[] _terms = [];
    private readonly List<MemberRun> _runs = [];
    private int _waiting;

    public override void AttendCentroids(CentroidSet centroids, int first, int count)
    {
        ReserveCentroids(centroids.Count);
        ((KeyRegion<TKernel>)centroids.Means).Chunk(0, null, out float* keys, out float* values, out nint valueStride);
        float* weights = _centroidWeights!.Pointer;
        for (int start = 0; start < count; start += StripRows)
        {
            int rows = Math.Min(StripRows, count - start);
            int tiles = (rows + TileRows - 1) / TileRows;
            StripLogits(keys, first + start, tiles, weights, _centroidStride);
            KeepLogits(weights, centroids.Count, first + start, rows);
            for (int i = 0; i < tiles * TileRows; i++)
            {
                float* row = weights + i * _centroidStride;
                if (i >= rows)
                {
                    new Span<float>(row, (int)_centroidStride).Clear();
                    continue;
                }
                int at = first + start + i;
                SoftmaxRow(row, centroids.Count, centroids.LogWeights, _outputs + at * _outputStride, _maxima + at, _sums + at);
            }
            float* outputs = _outputs + (first + start) * _outputStride;
            for (int panel = 0; panel < _valuePanels; panel++)
            {
                for (int tile = 0; tile < tiles; tile++)
                {
                    TKernel.Multiply(
                        weights + tile * TileRows * _centroidStride, _centroidStride, values + panel * valueStride, centroids.Count,
                        outputs + tile * TileRows * _outputStride + panel * TKernel.PanelWidth, _outputStride, accumulate: true);
                }
            }
        }
    }

    public override float LogSumExp(int row) => _maxima[row] + MathF.Log(_sums[row]);

    public override float CentroidLogit(int row, int cluster) => _centroidLogits!.Pointer[cluster * _logitStride + row];

    public override void SetSketch(int row, ReadOnlySpan<float> coordinates)
    {
        int rank = coordinates.Length;
        _quads = rank / 4;
        if (_sketches.Length < _capacity * _quads)
        {
            _sketches = new int[_capacity * _quads];
        }
        float step = MathF.Abs(TensorPrimitives.MaxMagnitude(coordinates)) / KeySketches.QueryLevels(rank);
        // A query so large or small that the step is no number: its sketch is empty, the clusters' logits alone decide.
        float perStep = float.IsNormal(step) && float.IsNormal(1 / step) ? 1 / step : 0;
        Vector128<int> sums = default, squares = default;
        for (int quad = 0; quad < _quads; quad++)
        {
            Vector128<float> scaled = Vector128.Create(coordinates[(4 * quad)..]) * perStep;
            Vector128<int> levels = perStep == 0 ? default : Vector128.ConvertToInt32(Vector128.Round(scaled));
            Vector128<short> narrow = Vector128.Narrow(levels, levels);
            _sketches[row * _quads + quad] = Vector128.Narrow(narrow, narrow).AsInt32()[0];
            sums += levels;
            squares += levels * levels;
        }
        _screens[row] = new ScreenState
        {
            Step = perStep == 0 ? 0 : step,
            Offset = KeySketches.Offset * Vector128.Sum(sums),
            Norm = MathF.Sqrt(Vector128.Sum(squares)),
        };
    }

    public override void SetThreshold(int row, double threshold)
    {
        ref ScreenState screen = ref _screens[row];
        screen.Threshold = threshold;
        _screening = true;
        // A margin for what single precision loses: the exact test follows.
        _leastLogits[row] = (float)threshold - 1e-4f * (1 + MathF.Abs((float)threshold));
        _reaches[row] = screen.Norm * screen.Step;
    }

    public override float SketchStep(int row) => _screens[row].Step;

    public override int LeastProduct(int row, int cluster, KeySketches sketches, CentroidSet centroids, double threshold) =>
        LeastProduct(ref _screens[row], row, cluster, sketches, centroids, threshold);

    public override void LeastProducts(
        int row, int cluster, KeySketches sketches, CentroidSet centroids, ReadOnlySpan<double> thresholds, Span<int> least)
    {
        ref ScreenState screen = ref _screens[row];
        for (int i = 0; i < thresholds.Length; i++)
        {
            least[i] = LeastProduct(ref screen, row, cluster, sketches, centroids, thresholds[i]);
        }
    }

    public override int Screen(int row, KeySketches sketches, int least, Span<int> indices, Span<int> products)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Math.Min(indices.Length, products.Length), sketches.PaddedCount);
        fixed (int* query = &_sketches[row * _quads], found = indices, dots = products)
        {
            int offset = _screens[row].Offset;
            int count = TKernel.Screen(sketches.Codes, sketches.Count, _quads, query, least + offset, found, dots);
            for (int i = 0; i < count; i++)
            {
                dots[i] -= offset;
            }
            return count;
        }
    }

    public override void OpenRegion(KeyRegion region) => ReadRows(region, out _openKeys, out _openValues, out _openValueStride);

    public override void MemberLogits(int row, ReadOnlySpan<int> indices, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(logits.Length, (indices.Length + 3) / 4 * 4);
        fixed (int* at = indices)
        fixed (float* to = logits)
        {
            TKernel.DotRows(_queries + row * _queryStride, _openKeys, _queryStride, at, indices.Length, to);
        }
    }

    public override void AddMembers(
        ReadOnlySpan<int> indices, ReadOnlySpan<float> weights, Span<float> sum, ReadOnlySpan<float> first, float firstWeight)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, indices.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(Math.Min(sum.Length, first.Length), ValueFloats);
        fixed (int* at = indices)
        fixed (float* own = weights, to = sum, other = first)
        {
            for (int panel = 0, column = 0; panel < _valuePanels; panel++, column += TKernel.PanelWidth)
            {
                TKernel.AddRows(
                    _openValues + panel * _openValueStride, at, own, indices.Length, to + column, other + column, firstWeight);
            }
        }
    }

    public override void AttendMembers(int cluster, KeySketches sketches, KeyRegion region, CentroidSet centroids)
    {
        int members = sketches.Count;
        ReserveWaiting(WaitingMembers + members);
        float* keys = null, values = null;
        nint valueStride = 0;
        int candidates = Candidates(cluster, sketches, centroids);
        for (int candidate = 0; candidate < candidates; candidate++)
        {
            int row = _candidates[candidate];
            ref ScreenState screen = ref _screens[row];
            int least = LeastProduct(ref screen, row, cluster, sketches, centroids, screen.Threshold);
            if (least == int.MaxValue)
            {
                continue;
            }
            screen.Screened += members;
            int found;
            fixed (int* query = &_sketches[row * _quads], indices = &_waitingIndices[_waiting])
            {
                found = TKernel.Screen(sketches.Codes, members, _quads, query, least + screen.Offset, indices, null);
            }
            if (found == 0)
            {
                continue;
            }
            screen.Members += found;
            _runs.Add(new MemberRun(row, _waiting, found));
            _waiting += found;
            if (_waiting >= WaitingMembers)
            {
                AttendWaiting();
            }
        }
        if (_waiting > 0)
        {
            AttendWaiting();
        }

        void AttendWaiting()
        {
            // 16-bit rows are widened for a cluster that has members, once.
            if (keys == null)
            {
                ReadRows(region, out keys, out values, out valueStride);
            }
            this.AttendWaiting(cluster, centroids, (KeyRegion<TKernel>)region, keys, values, valueStride);
        }
    }

    public override int MembersOf(int row) => _screens[row].Members;

    public override int ScreenedOf(int row) => _screens[row].Screened;

    /// <summary>Rows that a cluster may have members for: those whose threshold is within the reach of its sketches.</summary>
    private int Candidates(int cluster, KeySketches sketches, CentroidSet centroids)
    {
        if (!_screening)
        {
            return 0;
        }
        fixed (int* candidates = _candidates)
        {
            return TKernel.CollectReaching(
                _centroidLogits!.Pointer + cluster * _logitStride, centroids.MeanLogWeight(cluster), _reaches, sketches.Reach,
                _leastLogits, Rows, candidates);
        }
    }

    private int LeastProduct(
        ref ScreenState screen, int row, int cluster, KeySketches sketches, CentroidSet centroids, double threshold)
    {
        double missing = threshold - CentroidLogit(row, cluster) - centroids.MeanLogWeight(cluster);
        if (screen.Step == 0)
        {
            return missing <= 0 ? int.MinValue / 2 : int.MaxValue;
        }
        double least = Math.Ceiling(missing / screen.Step);
        return least > screen.Norm * sketches.Reach ? int.MaxValue : (int)Math.Max(least, int.MinValue / 2);
    }

    /// <summary>
    /// Members that wait leave their cluster's term and become terms of their own. With c the mean logit of all members
    /// and W their weight, the rest has weight W' = W − Σe^a and mean logit c' = (W·c − Σe^a·l) / W', still a lower bound
    /// of its mass. A member adds e^(l+a) − e^(c'+a), the cluster e^(c'+ln W) in place of e^(c+ln W): means need no update.
    /// </summary>
    private void AttendWaiting(int cluster, CentroidSet centroids, KeyRegion<TKernel> region, float* keys, float* values, nint valueStride)
    {
        ((KeyRegion<TKernel>)centroids.Means).Chunk(0, null, out _, out float* meanValues, out nint meanStride);
        float logWeight = centroids.LogWeights[cluster];
        double weight = Math.Exp(logWeight);
        fixed (int* indices = _waitingIndices)
        fixed (float* logits = _waitingLogits, rests = _waitingRests, terms = _terms)
        {
            for (int i = 0; i < _runs.Count; i++)
            {
                MemberRun run = _runs[i];
                TKernel.DotRows(_queries + run.Row * _queryStride, keys, _queryStride, indices + run.Start, run.Count, logits + run.Start);
                Rebase(run, CentroidLogit(run.Row, cluster), logWeight, weight, region.Bias(0), indices, logits, rests, terms + 2 * i);
            }
            Exponentials(terms, 2 * _runs.Count);
            var perMember = (float)(1 / weight);
            for (int i = 0; i < _runs.Count; i++)
            {
                MemberRun run = _runs[i];
                float* own = logits + run.Start;
                float change = terms[2 * i + 1] - terms[2 * i];
                // Without log-weights all members had the same part of their cluster's new term.
                float sum = region.HasBias
                    ? WeightedDifferences(own, rests + run.Start, _maxima[run.Row], run.Count)
                    : TKernel.ExpLess(own, _maxima[run.Row], terms[2 * i + 1] * perMember, run.Count);
                _sums[run.Row] += change + sum;
                float* output = _outputs + run.Row * _outputStride;
                for (int panel = 0; panel < _valuePanels; panel++)
                {
                    TKernel.AddRows(
                        values + panel * valueStride, indices + run.Start, own, run.Count, output + panel * TKernel.PanelWidth,
                        meanValues + panel * meanStride + (nint)cluster * TKernel.PanelWidth, change);
                }
            }
        }
        _runs.Clear();
        _waiting = 0;
    }

    private static void Exponentials(float* values, int count)
    {
        int padded = (count + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;
        new Span<float>(values + count, padded - count).Clear();
        TKernel.ExpSum(values, 0, padded);
    }

    /// <summary>logits[i] = e^(logits[i] − maximum) − e^(rests[i] − maximum), returning their sum.</summary>
    private static float WeightedDifferences(float* logits, float* rests, float maximum, int count)
    {
        float sum = TKernel.ExpLess(logits, maximum, 0, count) - TKernel.ExpLess(rests, maximum, 0, count);
        for (int i = 0; i < count; i++)
        {
            logits[i] -= rests[i];
        }
        return sum;
    }

    /// <summary>
    /// Raises a row's running maximum to that of a run's logits. Terms receives the logarithms of what the cluster's term
    /// weighed, relative to the maximum, and of what it weighs without these members.
    /// </summary>
    private void Rebase(
        MemberRun run, float centre, float logWeight, double weight, float* bias, int* indices, float* logits, float* rests, float* terms)
    {
        double selectedWeight = run.Count, selectedLogits;
        float top;
        if (bias == null)
        {
            TKernel.SumMax(logits + run.Start, run.Count, out float sum, out top);
            selectedLogits = sum;
        }
        else
        {
            AddLogWeights(run, bias, indices, logits, rests, out selectedWeight, out selectedLogits);
            TKernel.SumMax(logits + run.Start, run.Count, out _, out top);
        }
        double rest = weight - selectedWeight;
        float mean = rest < LeastRest * weight ? RemovedKey : (float)((weight * centre - selectedLogits) / rest);
        // The rest weighs no more than the whole did.
        top = Math.Max(top, mean + logWeight);
        float* maximum = _maxima + run.Row;
        if (top > *maximum)
        {
            float shrink = MathF.Exp(*maximum - top);
            _sums[run.Row] *= shrink;
            TKernel.Scale(_outputs + run.Row * _outputStride, shrink, _outputStride);
            *maximum = top;
        }
        if (bias != null)
        {
            var own = new Span<float>(rests + run.Start, run.Count);
            TensorPrimitives.Add(own, mean, own);
        }
        terms[0] = centre + logWeight - *maximum;
        terms[1] = mean + logWeight - *maximum;
    }

    /// <summary>Adds a run's log-weights to its logits and keeps them; sums its weights e^a and its weighted logits.</summary>
    private static void AddLogWeights(
        MemberRun run, float* bias, int* indices, float* logits, float* rests, out double weights, out double weightedLogits)
    {
        weights = weightedLogits = 0;
        for (int i = run.Start; i < run.Start + run.Count; i++)
        {
            float own = bias[indices[i]];
            double unit = Math.Exp(own);
            weights += unit;
            weightedLogits += unit * logits[i];
            logits[i] += own;
            rests[i] = own;
        }
    }

    private void ReserveCentroids(int clusters)
    {
        nint stride = (clusters + TKernel.PanelWidth - 1) / TKernel.PanelWidth * TKernel.PanelWidth;
        _centroidStride = stride;
        _logitStride = Aligned(_capacity + TransposedRows);
        Reserve(ref _centroidLogits, (nint)(clusters + TransposedRows) * _logitStride);
        Reserve(ref _centroidWeights, (StripRows + TileRows) * stride);
    }

    /// <summary>
    /// Keeps a strip's logits, those of one cluster side by side: screening goes by cluster. Eight rows at a time: what is
    /// written for rows beyond the last is overwritten when they come.
    /// </summary>
    private void KeepLogits(float* logits, int clusters, int first, int rows)
    {
        float** from = stackalloc float*[TransposedRows];
        for (int start = 0; start < rows; start += TransposedRows)
        {
            for (int i = 0; i < TransposedRows; i++)
            {
                from[i] = logits + (nint)Math.Min(start + i, rows - 1) * _centroidStride;
            }
            Transpose.Eight(from, clusters, _centroidLogits!.Pointer + first + start, (int)_logitStride);
        }
    }

    private static void Reserve(ref NativeBuffer? buffer, nint length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = NativeBuffer.Rent(length);
        }
    }

    private void ReserveWaiting(int members)
    {
        if (_waitingIndices.Length < members)
        {
            int length = members + members / 4 + 64;
            _waitingIndices = new int[length];
            _waitingLogits = new float[length];
            _waitingRests = new float[length];
            // A run has a member or more.
            _terms = new float[2 * length];
        }
    }

    private void ReadRows(KeyRegion region, out float* keys, out float* values, out nint valueStride)
    {
        var packed = (KeyRegion<TKernel>)region;
        nint needed = packed.RowFloats;
        if (needed > 0)
        {
            Reserve(ref _memberRows, needed);
        }
        packed.AllRows(needed > 0 ? _memberRows!.Pointer : null, out keys, out values, out valueStride);
    }

    /// <summary>Register tiles of rows from <paramref name="first"/> on against all centroids.</summary>
    private void StripLogits(float* keys, int first, int tiles, float* logits, nint stride)
    {
        float* queries = _queries + first * _queryStride;
        for (nint column = 0; column < stride; column += TKernel.PanelWidth)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                TKernel.Multiply(
                    queries + tile * TileRows * _queryStride, _queryStride, keys + column * _dimension, _dimension,
                    logits + tile * TileRows * stride + column, stride, accumulate: false);
            }
        }
    }

    private void DisposeScreening()
    {
        _centroidLogits?.Dispose();
        _centroidWeights?.Dispose();
        _memberRows?.Dispose();
    }

    /// <summary>What a row screens with.</summary>
    private struct ScreenState
    {
        /// <summary>Smallest screened logit of a member.</summary>
        public double Threshold;

        /// <summary>Logit of one unit of the products.</summary>
        public float Step;

        /// <summary>What the offset of the keys' codes adds to every product.</summary>
        public int Offset;

        /// <summary>Norm of the query's levels.</summary>
        public float Norm;

        public int Members;

        public int Screened;
    }

    /// <summary>Members of one cluster that a row attends.</summary>
    private readonly record struct MemberRun(int Row, int Start, int Count);
}
