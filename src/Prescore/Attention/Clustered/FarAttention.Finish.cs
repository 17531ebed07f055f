using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

// Rows attend the keys on their lists and what these leave of their clusters, a group of rows at a time: what one row waits
// for, others fill.
internal sealed unsafe partial class FarAttention
{
    private const int GroupRows = 16;

    // Of a group: where a row's members begin, and arrays of all its members.
    private int* _starts;
    private float* _memberScales;
    private float* _memberLogits;
    private float* _running;
    private float* _memberLess;

    // Of the members of a row's clusters.
    private float* _memberCounts;
    private float* _memberSums;
    private float* _relativeWeights;
    private int* _runEnds;
    private float* _runUnits;

    private void Finish(KeyGeneration generation, KeySegment segment)
    {
        // Rows of the last register tile that are not there have no part in the product.
        new Span<float>(_rests + Rows * SegmentStride, ClusteredKernels.TileRows * SegmentStride).Clear();
        for (int start = 0; start < Rows; start += GroupRows)
        {
            FinishGroup(generation, segment, start, Math.Min(GroupRows, Rows - start));
        }
        CentroidSet centroids = _index.Centroids;
        int first = generation.FirstCluster + segment.First, width = kernels.PanelWidth;
        for (int panel = 0; panel < centroids.ValuePanels; panel++)
        {
            for (int row = 0; row < Rows; row += ClusteredKernels.TileRows)
            {
                kernels.Multiply(
                    _rests + row * SegmentStride, SegmentStride, centroids.Values + panel * centroids.ValueStride + (nint)first * width, segment.Clusters,
                    _states.Outputs + (_first + row) * _states.OutputStride + panel * width, _states.OutputStride, true);
            }
        }
    }

    private void FinishGroup(KeyGeneration generation, KeySegment segment, int start, int count)
    {
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            _starts[i] = at;
            SetMemberLogits(generation, start + i, at, RunningAt(i, at));
            at += Padded(_counts[start + i]);
        }
        for (int i = 0; i < count; i++)
        {
            SetRests(generation, segment, start + i, _starts[i], RunningAt(i, _starts[i]));
        }
        short* values = _index.Store.Values + (nint)generation.FirstKey * _valueStride;
        for (int i = 0; i < count; i++)
        {
            int row = start + i, members = _counts[row];
            float* weights = _memberLogits + _starts[i];
            _states.Sums[_first + row] += ClusterTerms.Weigh(weights, _memberLess + _starts[i], _memberScales + 2 * _starts[i], members);
            kernels.AddMembers(_lists + row * _listStride, members, weights, values, _valueStride, _states.Outputs + (_first + row) * _states.OutputStride);
            _members[row] += members;
        }
    }

    /// <summary>Logits of a row's members relative to its maximum, which rises where one is far above it.</summary>
    private void SetMemberLogits(KeyGeneration generation, int row, int at, float* running)
    {
        int count = _counts[row];
        ushort* list = _lists + row * _listStride;
        // Kernels read on behind the end.
        new Span<ushort>(list + count, Lanes).Clear();
        CodedKeys store = _index.Store;
        var scales = (long*)(store.Scales + 2 * (nint)generation.FirstKey);
        var memberScales = (long*)(_memberScales + 2 * at);
        for (int i = 0; i < count; i++)
        {
            memberScales[i] = scales[list[i]];
        }
        short* keys = store.Keys + (nint)generation.FirstKey * _keyStride, codes = _codes + (nint)row * _keyStride;
        float* logits = _memberLogits + at;
        float largest = kernels.MemberLogits(
            list, count, codes, _keyStride, _steps[row], _states.Maxima[_first + row], keys, _memberScales + 2 * at, logits, running);
        if (store.HasLogWeights)
        {
            largest = LargestWeighted(store.LogWeights + generation.FirstKey, list, logits, count);
        }
        if (largest > ClusterTerms.Headroom)
        {
            Raise(row, _states.Maxima[_first + row] + largest);
            kernels.MemberLogits(
                list, count, codes, _keyStride, _steps[row], _states.Maxima[_first + row], keys, _memberScales + 2 * at, logits, running);
        }
    }

    /// <summary>What a row's members leave of its clusters, and what each of them takes.</summary>
    private void SetRests(KeyGeneration generation, KeySegment segment, int row, int at, float* running)
    {
        int first = generation.FirstCluster + segment.First;
        int* ends = _ends + row * (nint)(Lanes + SegmentStride) + Lanes;
        ends[-1] = 0;
        CentroidSet centroids = _index.Centroids;
        bool weighted = _index.Store.HasLogWeights;
        if (weighted)
        {
            SumWeighted(_index.Store.LogWeights + generation.FirstKey, _lists + row * _listStride, ends, segment.Clusters, centroids.LogWeights + first, _memberLogits + at);
        }
        else
        {
            ClusterTerms.SumByCluster(ends, running, segment.Clusters, _memberCounts, _memberSums);
        }
        _states.Sums[_first + row] += ClusterTerms.Rests(
            _memberCounts, _memberSums, segment.Clusters, _logits + row * _logitStride + first, _states.Maxima[_first + row],
            centroids.Weights + first, centroids.LogWeights + first, _rests + row * (nint)SegmentStride, ends, _runEnds, _runUnits, out int runs);
        ClusterTerms.Spread(_runEnds, _runUnits, runs, _memberLess + at);
        for (int i = 0; weighted && i < _counts[row]; i++)
        {
            _memberLess[at + i] *= _relativeWeights[i];
        }
    }

    /// <summary>Largest logit with its log-weight.</summary>
    private static float LargestWeighted(float* logWeights, ushort* list, float* logits, int count)
    {
        float largest = float.NegativeInfinity;
        for (int i = 0; i < count; i++)
        {
            largest = MathF.Max(largest, logits[i] + logWeights[list[i]]);
        }
        return largest;
    }

    /// <summary>
    /// With log-weights: a member weighs e^(its − its cluster's) of its cluster. Sums these and their part of the logits by
    /// cluster, and adds the log-weights to the logits.
    /// </summary>
    private void SumWeighted(float* logWeights, ushort* list, int* ends, int clusters, float* clusterWeights, float* logits)
    {
        for (int j = 0; j < clusters; j++)
        {
            double weights = 0, sum = 0;
            for (int i = ends[j - 1]; i < ends[j]; i++)
            {
                float own = logWeights[list[i]];
                float relative = _relativeWeights[i] = MathF.Exp(own - clusterWeights[j]);
                weights += relative;
                sum += (double)relative * logits[i];
                logits[i] += own;
            }
            (_memberCounts[j], _memberSums[j]) = ((float)weights, (float)sum);
        }
    }

    private static int Padded(int count) => (count + Lanes - 1) / Lanes * Lanes;

    /// <summary>Running sums of a row of a group: 0 comes first, and they are written beyond the end.</summary>
    private float* RunningAt(int row, int start)
    {
        float* running = _running + start + 2 * Lanes * row;
        *running = 0;
        return running;
    }

    private void LayOutGroup(ref ScratchLayout memory)
    {
        nint members = GroupRows * (nint)(_segmentKeys + 2 * Lanes);
        _starts = memory.Take<int>(GroupRows);
        _memberScales = memory.Take<float>(2 * members);
        _memberLogits = memory.Take<float>(members);
        _running = memory.Take<float>(members + 2 * Lanes * GroupRows);
        _memberLess = memory.Take<float>(members);
        _memberCounts = memory.Take<float>(SegmentStride);
        _memberSums = memory.Take<float>(SegmentStride);
        _relativeWeights = memory.Take<float>(_segmentKeys + Lanes);
        _runEnds = memory.Take<int>(SegmentStride + Lanes);
        _runUnits = memory.Take<float>(SegmentStride + Lanes);
    }
}
