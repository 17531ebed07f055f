using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

// Rows attend the keys on their lists and what these leave of their clusters, a group of rows at a time: what one row waits
// for, others fill.
internal sealed unsafe partial class FarAttention
{
    private const int GroupRows = 16;

    // Of a group: where a row's selected keys begin, and arrays of all its selected keys.
    private int* _starts;
    private float* _selectedScales;
    private float* _selectedLogits;
    private float* _running;
    private float* _selectedLess;

    // Of the selected keys of a row's clusters.
    private float* _selectedCounts;
    private float* _selectedSums;
    private float* _relativeWeights;
    private int* _runEnds;
    private float* _runUnits;

    private void Finish(KeySegment segment, KeySection section)
    {
        // Rows of the last register tile that are not there have no part in the product.
        new Span<float>(_rests + Rows * SectionStride, ClusteredKernels.TileRows * SectionStride).Clear();
        for (int start = 0; start < Rows; start += GroupRows)
        {
            FinishGroup(segment, section, start, Math.Min(GroupRows, Rows - start));
        }
        CentroidSet centroids = _index.Centroids;
        int first = segment.FirstCluster + section.First, width = kernels.PanelWidth;
        for (int panel = 0; panel < centroids.ValuePanels; panel++)
        {
            for (int row = 0; row < Rows; row += ClusteredKernels.TileRows)
            {
                kernels.Multiply(
                    _rests + row * SectionStride, SectionStride, centroids.Values + panel * centroids.ValueStride + (nint)first * width, section.Clusters,
                    _states.Outputs + (_first + row) * _states.OutputStride + panel * width, _states.OutputStride, true);
            }
        }
    }

    private void FinishGroup(KeySegment segment, KeySection section, int start, int count)
    {
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            _starts[i] = at;
            SetSelectedLogits(segment, start + i, at, RunningAt(i, at));
            at += Padded(_counts[start + i]);
        }
        for (int i = 0; i < count; i++)
        {
            SetRests(segment, section, start + i, _starts[i], RunningAt(i, _starts[i]));
        }
        for (int i = 0; i < count; i++)
        {
            int row = start + i, selected = _counts[row];
            float* weights = _selectedLogits + _starts[i];
            _states.Sums[_first + row] += ClusterTerms.Weigh(weights, _selectedLess + _starts[i], _selectedScales + 2 * _starts[i], selected);
            AddValues(segment, _lists + row * _listStride, selected, weights, _states.Outputs + (_first + row) * _states.OutputStride);
            _selected[row] += selected;
        }
    }

    /// <summary>Logits of a row's selected keys relative to its maximum, which rises where one is far above it.</summary>
    private void SetSelectedLogits(KeySegment segment, int row, int at, float* running)
    {
        int count = _counts[row];
        ushort* list = _lists + row * _listStride;
        // Kernels read on behind the end.
        new Span<ushort>(list + count, Lanes).Clear();
        CodedKeys store = _index.Store;
        float* scales = _selectedScales + 2 * at, logits = _selectedLogits + at;
        float largest = KeyLogits(row, segment, list, count, _states.Maxima[_first + row], scales, logits, running);
        if (store.HasLogWeights)
        {
            largest = LargestWeighted(store.LogWeights + segment.FirstKey, list, logits, count);
        }
        if (largest > ClusterTerms.Headroom)
        {
            Raise(row, _states.Maxima[_first + row] + largest);
            KeyLogits(row, segment, list, count, _states.Maxima[_first + row], scales, logits, running);
        }
    }

    /// <summary>What a row's selected keys leave of its clusters, and what each of them takes.</summary>
    private void SetRests(KeySegment segment, KeySection section, int row, int at, float* running)
    {
        int first = segment.FirstCluster + section.First;
        int* ends = _ends + row * (nint)(Lanes + SectionStride) + Lanes;
        ends[-1] = 0;
        CentroidSet centroids = _index.Centroids;
        bool weighted = _index.Store.HasLogWeights;
        if (weighted)
        {
            SumWeighted(_index.Store.LogWeights + segment.FirstKey, _lists + row * _listStride, ends, section.Clusters, centroids.LogWeights + first, _selectedLogits + at);
        }
        else
        {
            ClusterTerms.SumByCluster(ends, running, section.Clusters, _selectedCounts, _selectedSums);
        }
        _states.Sums[_first + row] += ClusterTerms.Rests(
            _selectedCounts, _selectedSums, section.Clusters, _logits + row * _logitStride + first, _states.Maxima[_first + row],
            centroids.Weights + first, centroids.LogWeights + first, _rests + row * (nint)SectionStride, ends, _runEnds, _runUnits, out int runs);
        ClusterTerms.Spread(_runEnds, _runUnits, runs, _selectedLess + at);
        for (int i = 0; weighted && i < _counts[row]; i++)
        {
            _selectedLess[at + i] *= _relativeWeights[i];
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
    /// With log-weights: a selected key weighs e^(its − its cluster's) of its cluster. Sums these and their part of the logits by
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
            (_selectedCounts[j], _selectedSums[j]) = ((float)weights, (float)sum);
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
        nint selected = GroupRows * (nint)(_sectionKeys + 2 * Lanes);
        _starts = memory.Take<int>(GroupRows);
        _selectedScales = memory.Take<float>(2 * selected);
        _selectedLogits = memory.Take<float>(selected);
        _running = memory.Take<float>(selected + 2 * Lanes * GroupRows);
        _selectedLess = memory.Take<float>(selected);
        _selectedCounts = memory.Take<float>(SectionStride);
        _selectedSums = memory.Take<float>(SectionStride);
        _relativeWeights = memory.Take<float>(_sectionKeys + Lanes);
        _runEnds = memory.Take<int>(SectionStride + Lanes);
        _runUnits = memory.Take<float>(SectionStride + Lanes);
    }
}
