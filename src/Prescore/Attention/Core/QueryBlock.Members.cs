using System.Numerics.Tensors;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>Members that are computed exactly leave their cluster's term.</summary>
internal abstract unsafe partial class QueryBlock
{
    /// <summary>A cluster's rest that weighs less than this part of it is left out: what is left of the sums is rounding.</summary>
    public const double LeastRest = 1e-3;

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

    private NativeBuffer? _memberRows;
    private float* _openKeys;
    private float* _openValues;
    private nint _openValueStride;
    private int[] _waitingIndices = [];
    private float[] _waitingLogits = [];
    private float[] _waitingRests = [];
    private float[] _terms = [];
    private readonly List<MemberRun> _runs = [];
    private int _waiting;

    public override void OpenRegion(KeyRegion region)
    {
        var packed = (KeyRegion<TKernel>)region;
        nint needed = packed.RowFloats;
        if (needed > 0)
        {
            Reserve(ref _memberRows, needed);
        }
        packed.AllRows(needed > 0 ? _memberRows!.Pointer : null, out _openKeys, out _openValues, out _openValueStride);
    }

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
        // 16-bit rows are widened for a cluster that has members, once.
        bool open = false;
        int candidates = Candidates(cluster, sketches, centroids);
        for (int candidate = 0; candidate < candidates; candidate++)
        {
            ScreenMembers(_candidates[candidate], _leastProducts[candidate], sketches);
            if (_waiting >= WaitingMembers || (_waiting > 0 && candidate == candidates - 1))
            {
                if (!open)
                {
                    OpenRegion(region);
                    open = true;
                }
                AttendWaiting(cluster, centroids, (KeyRegion<TKernel>)region);
            }
        }
    }

    public override int MembersOf(int row) => _screens[row].Members;

    public override int ScreenedOf(int row) => _screens[row].Screened;

    /// <summary>Members of a cluster that pass a row's threshold join those that wait.</summary>
    private void ScreenMembers(int row, int least, KeySketches sketches)
    {
        ref ScreenState screen = ref _screens[row];
        int read = sketches.Within(least, ReachOf(row));
        screen.Screened += read;
        int found;
        fixed (int* query = &_sketches[row * _quads], indices = &_waitingIndices[_waiting])
        {
            found = TKernel.Screen(sketches.Codes, read, _quads, query, least + screen.Offset, indices, null);
        }
        if (found > 0)
        {
            screen.Members += found;
            _runs.Add(new MemberRun(row, _waiting, found));
            _waiting += found;
        }
    }

    /// <summary>
    /// Members that wait leave their cluster's term and become terms of their own. With c the mean logit of all members
    /// and W their weight, the rest has weight W' = W − Σe^a and mean logit c' = (W·c − Σe^a·l) / W', still a lower bound
    /// of its mass. A member adds e^(l+a) − e^(c'+a), the cluster e^(c'+ln W) in place of e^(c+ln W): means need no update.
    /// </summary>
    private void AttendWaiting(int cluster, CentroidSet centroids, KeyRegion<TKernel> region)
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
                TKernel.DotRows(_queries + run.Row * _queryStride, _openKeys, _queryStride, indices + run.Start, run.Count, logits + run.Start);
                Rebase(run, CentroidLogit(run.Row, cluster), logWeight, weight, region.Bias(0), indices, logits, rests, terms + 2 * i);
            }
            TKernel.ExpLess(terms, 0, 0, 2 * _runs.Count);
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
                        _openValues + panel * _openValueStride, indices + run.Start, own, run.Count, output + panel * TKernel.PanelWidth,
                        meanValues + panel * meanStride + (nint)cluster * TKernel.PanelWidth, change);
                }
            }
        }
        _runs.Clear();
        _waiting = 0;
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

    /// <summary>Members of one cluster that a row attends.</summary>
    private readonly record struct MemberRun(int Row, int Start, int Count);
}
