using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Exact outputs of a few probe queries and the error that every step of the ladder would have made on them: the members
/// of one step after the other leave their clusters' terms, as they do where queries attend. Every cluster is visited once
/// for all probes; what a step changes is summed over clusters, and the steps are put together at the end. Its memory is
/// kept from one evaluation to the next.
/// </summary>
/// <param name="queries">Where the probes are.</param>
internal sealed class ProbeEvaluation(QueryBatch queries)
{
    /// <summary>
    /// Steps are measured down to this part of an even share of attention: whoever needs more keys than that is exact.
    /// </summary>
    private const double LeastShare = 0.5;

    private const int Steps = EffortLadder.Steps;

    private readonly QueryBlock _block = queries.Block;
    private readonly ProbeMembers _found = new();
    private readonly float[] _rest = new float[queries.Block.ValueFloats];
    private int _keys;
    private int _lastStep;

    // A number a row, or a number (or a padded value) a row and step.
    private float[] _nearMaxima = [];
    private float[] _logSumExps = [];
    private double[] _thresholds = [];
    private float[] _outputChanges = [];
    private double[] _massChanges = [];
    private int[] _members = [];

    /// <summary>‖ô − o‖² of the last row evaluated, a number a step.</summary>
    public float[] SquaredErrors { get; private set; } = [];

    /// <summary>Members of the last row evaluated, a number a step.</summary>
    public int[] Members { get; private set; } = [];

    /// <summary>‖o‖² of the last row evaluated.</summary>
    public double SquaredNorm { get; private set; }

    private int Width => _rest.Length;

    /// <summary>Computes exact outputs and what every step changes; row i sees <paramref name="nearVisible"/>[i] near keys.</summary>
    /// <param name="index">The far part.</param>
    /// <param name="near">The near part.</param>
    /// <param name="nearVisible">Near keys seen, a number a row.</param>
    /// <param name="lastStep">Last step of the ladder to measure.</param>
    public void Compute(KeyIndex index, KeyRegion? near, ReadOnlySpan<int> nearVisible, int lastStep)
    {
        _keys = index.Count;
        _lastStep = Math.Min(lastStep, EffortLadder.StepOf(LeastShare / Math.Max(1, index.Count)));
        Reserve(_block.Rows);
        AttendNear(near, nearVisible);
        KeepNear();
        if (index.Count > 0)
        {
            _block.AttendCentroids(index.Centroids, 0, _block.Rows);
            for (int row = 0; row < _block.Rows; row++)
            {
                SetThresholds(row, _block.LogSumExp(row));
            }
        }
        _block.ResetState();
        AttendNear(near, nearVisible);
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            _block.Attend(index.Region(cluster), 0, _block.Rows, default);
        }
        if (index.Count > 0)
        {
            Climb(index);
        }
    }

    /// <summary>Writes a row's exact output, fills the errors, and returns its log-sum-exp.</summary>
    public float Evaluate(int row, Span<float> exact)
    {
        SquaredErrors = new float[Steps];
        Members = new int[Steps];
        float logSumExp = _block.Finish(row, exact);
        SquaredNorm = TensorPrimitives.SumOfSquares<float>(exact);
        if (float.IsNegativeInfinity(logSumExp) || _keys == 0)
        {
            return logSumExp;
        }
        Span<float> output = OutputChange(row, 0)[..exact.Length];
        Span<float> error = _rest.AsSpan(0, exact.Length);
        double mass = 0;
        int taken = 0;
        for (int step = 0; step < Steps; step++)
        {
            if (step > _lastStep)
            {
                SquaredErrors[step] = SquaredErrors[step - 1];
                Members[step] = _keys;
                continue;
            }
            if (step > 0)
            {
                TensorPrimitives.Add(output, OutputChange(row, step)[..exact.Length], output);
            }
            mass += _massChanges[row * Steps + step];
            taken += _members[row * Steps + step];
            TensorPrimitives.Divide(output, (float)mass, error);
            TensorPrimitives.Subtract(error, exact, error);
            SquaredErrors[step] = TensorPrimitives.SumOfSquares<float>(error);
            Members[step] = taken;
        }
        return logSumExp;
    }

    private void AttendNear(KeyRegion? near, ReadOnlySpan<int> visible)
    {
        if (near is not null)
        {
            _block.Attend(near, 0, _block.Rows, visible);
        }
    }

    /// <summary>What the near part adds belongs to step 0; relative to the largest near logit until <see cref="Climb"/>.</summary>
    private void KeepNear()
    {
        for (int row = 0; row < _block.Rows; row++)
        {
            _block.ReadState(row, out _nearMaxima[row], out float sum, OutputChange(row, 0)[.._block.ValueDimension]);
            _massChanges[row * Steps] = sum;
        }
    }

    private void SetThresholds(int row, float mass)
    {
        for (int step = 0; step < Steps; step++)
        {
            _thresholds[row * Steps + step] = mass + EffortLadder.LogShare(step);
        }
    }

    private void Climb(KeyIndex index)
    {
        for (int row = 0; row < _block.Rows; row++)
        {
            _logSumExps[row] = _block.LogSumExp(row);
            var near = (float)Math.Exp(_nearMaxima[row] - _logSumExps[row]);
            Span<float> output = OutputChange(row, 0);
            TensorPrimitives.Multiply(output, near, output);
            _massChanges[row * Steps] *= near;
        }
        foreach (KeyGeneration generation in index.Generations)
        {
            queries.SetSketches(generation);
            for (int i = 0; i < generation.Clusters.Count; i++)
            {
                _block.OpenRegion(generation.Clusters[i].Region);
                for (int row = 0; row < _block.Rows; row++)
                {
                    AddCluster(index.Centroids, generation.FirstCluster + i, generation.Clusters[i], row);
                }
            }
        }
    }

    /// <summary>Adds what a cluster gives a row at step 0 and how every step changes it.</summary>
    private void AddCluster(CentroidSet centroids, int number, KeyCluster cluster, int row)
    {
        double weight = Math.Exp(centroids.LogWeight(number));
        centroids.Means.ReadValue(number, _rest.AsSpan(0, _block.ValueDimension));
        float logit = _block.CentroidLogit(row, number);
        double term = Math.Exp(logit - _logSumExps[row]);
        TensorPrimitives.Multiply(_rest, (float)weight, _rest);
        AddRest(row, 0, term, weight);
        _found.Collect(
            _block, row, number, cluster.Sketches, centroids, _thresholds.AsSpan(row * Steps, _lastStep + 1));
        if (_found.Count == 0)
        {
            return;
        }
        _found.Weigh(cluster.Region, _logSumExps[row]);
        double restWeight = weight, restLogits = weight * logit;
        for (int step = 1; step <= _lastStep; step++)
        {
            Range members = _found.OfStep(step);
            (int start, int count) = members.GetOffsetAndLength(_found.Count);
            if (count == 0)
            {
                continue;
            }
            ReadOnlySpan<int> slots = _found.Slots[members];
            double mass = -term * restWeight;
            for (int i = start; i < start + count; i++)
            {
                mass += _found.Weights[i];
                restWeight += _found.NegativeUnits[i];
                restLogits += (double)_found.NegativeUnits[i] * _found.Logits[i];
            }
            _block.AddMembers(slots, _found.Weights[members], OutputChange(row, step), _rest, (float)-term);
            _block.AddMembers(slots, _found.NegativeUnits[members], _rest, _rest, 0);
            _massChanges[row * Steps + step] += mass;
            _members[row * Steps + step] += count;
            term = restWeight < QueryBlock.LeastRest * weight ? 0 : Math.Exp(restLogits / restWeight - _logSumExps[row]);
            AddRest(row, step, term, restWeight);
        }
    }

    private void AddRest(int row, int step, double term, double weight)
    {
        Span<float> output = OutputChange(row, step);
        TensorPrimitives.MultiplyAdd(_rest, (float)term, output, output);
        _massChanges[row * Steps + step] += term * weight;
    }

    private Span<float> OutputChange(int row, int step) => _outputChanges.AsSpan((row * Steps + step) * Width, Width);

    private void Reserve(int rows)
    {
        if (_logSumExps.Length < rows)
        {
            _nearMaxima = new float[rows];
            _logSumExps = new float[rows];
            _thresholds = new double[rows * Steps];
            _outputChanges = new float[rows * Steps * Width];
            _massChanges = new double[rows * Steps];
            _members = new int[rows * Steps];
        }
        Array.Clear(_outputChanges);
        Array.Clear(_massChanges);
        Array.Clear(_members);
        // Padding takes part in sums.
        Array.Clear(_rest);
    }
}
