using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Exact outputs of a few probe queries and the error that every threshold would have made on them: the selected keys
/// of one step after the other leave their clusters' terms, as they do where queries attend. Every cluster is visited once
/// for all probes; what a step changes is summed over clusters, and the steps are put together at the end. Its memory is
/// kept from one evaluation to the next.
/// </summary>
/// <param name="queries">Where the probes are.</param>
internal sealed unsafe class ProbeEvaluation(QueryBatch queries) : IHitReceiver, IDisposable
{
    /// <summary>
    /// Steps are measured down to this part of an even share of attention: whoever needs more keys than that is exact.
    /// </summary>
    private const double LeastShare = 0.5;

    private const int Steps = Thresholds.Count;
    private const int Lanes = 16;

    /// <summary>Steps, padded to whole vectors.</summary>
    private const int StepStride = (Steps + Lanes - 1) / Lanes * Lanes;

    private readonly QueryBlock _block = queries.Block;
    private readonly FarAttention _far = queries.Far;
    private readonly float[] _value = new float[CodedKeys.Padded(queries.Block.ValueDimension)];
    private readonly float[] _rest = new float[CodedKeys.Padded(queries.Block.ValueDimension)];

    /// <summary>Least products of the steps of one row, descending; whole vectors.</summary>
    private readonly float[] _least = new float[StepStride];
    private ProbeSelection[] _found = [];
    private KeySegment _segment = null!;
    private int _cluster;
    private int _leastRow;
    private int _keys;
    private int _lastStep;

    // A number a row, or a number (or a padded value) a row and step.
    private float[] _nearMaxima = [];
    private float[] _logSumExps = [];
    private float[] _thresholds = [];
    private float[] _outputChanges = [];
    private double[] _massChanges = [];
    private int[] _selected = [];

    /// <summary>‖ô − o‖² of the last row evaluated, a number a threshold.</summary>
    public float[] SquaredErrors { get; private set; } = [];

    /// <summary>Selected keys of the last row evaluated, a number a threshold.</summary>
    public int[] Selected { get; private set; } = [];

    /// <summary>‖o‖² of the last row evaluated.</summary>
    public double SquaredNorm { get; private set; }

    private int Width => _rest.Length;

    /// <summary>Computes exact outputs and what every step changes; row i sees <paramref name="nearVisible"/>[i] near keys.</summary>
    /// <param name="index">The far part.</param>
    /// <param name="near">The near part.</param>
    /// <param name="nearVisible">Near keys seen, a number a row.</param>
    /// <param name="lastStep">Last threshold to measure.</param>
    public void Compute(KeyIndex index, KeyRegion? near, ReadOnlySpan<int> nearVisible, int lastStep)
    {
        _keys = index.Count;
        _lastStep = Math.Min(lastStep, Thresholds.StepOf(LeastShare / Math.Max(1, index.Count)));
        Reserve(_block.Rows);
        if (near is not null)
        {
            _block.Attend(near, 0, _block.Rows, nearVisible);
        }
        if (index.Count > 0)
        {
            _far.Begin(_block, index, 0, _block.Rows);
            for (int row = 0; row < _block.Rows; row++)
            {
                SetThresholds(row, _far.LogMass(row));
            }
        }
        KeepNear();
        queries.AttendAll(index, 0, _block.Rows);
        if (index.Count > 0)
        {
            Climb(index);
        }
    }

    /// <summary>Writes a row's exact output, fills the errors, and returns its log-sum-exp.</summary>
    public float Evaluate(int row, Span<float> exact)
    {
        SquaredErrors = new float[Steps];
        Selected = new int[Steps];
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
                Selected[step] = _keys;
                continue;
            }
            if (step > 0)
            {
                TensorPrimitives.Add(output, OutputChange(row, step)[..exact.Length], output);
            }
            mass += _massChanges[row * Steps + step];
            taken += _selected[row * Steps + step];
            TensorPrimitives.Divide(output, (float)mass, error);
            TensorPrimitives.Subtract(error, exact, error);
            SquaredErrors[step] = TensorPrimitives.SumOfSquares<float>(error);
            Selected[step] = taken;
        }
        return logSumExp;
    }

    /// <summary>A selected key comes with the first step that its product passes and from which on its tile is within reach.</summary>
    public void Take(int row, float* radii, ReadOnlySpan<ushort> numbers, ReadOnlySpan<short> products)
    {
        if (_leastRow != row)
        {
            _far.LeastProducts(row, _segment.FirstCluster + _cluster, _thresholds.AsSpan(row * StepStride, StepStride), _least);
            // What passes no step before it comes with the last.
            _least.AsSpan(_lastStep).Fill(float.NegativeInfinity);
            _leastRow = row;
        }
        int reaching = 1;
        for (int end = _lastStep; reaching < end;)
        {
            int middle = (reaching + end) / 2;
            (reaching, end) = _far.Reaches(row, radii, _least[middle]) ? (reaching, middle) : (middle + 1, end);
        }
        for (int i = 0; i < numbers.Length; i++)
        {
            _found[row].Add(numbers[i], Math.Max(reaching, StepsAbove(products[i])));
        }
    }

    public void Dispose()
    {
        foreach (ProbeSelection found in _found)
        {
            found.Dispose();
        }
    }

    /// <summary>What the near part adds belongs to step 0; relative to the rows' maxima until <see cref="Climb"/>.</summary>
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
            _thresholds[row * StepStride + step] = mass + (float)Thresholds.LogShare(step);
        }
        _far.SetThreshold(row, _thresholds[row * StepStride + _lastStep]);
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
        foreach (KeySegment segment in index.Segments)
        {
            _segment = segment;
            _far.SetSketches(segment, 0, _block.Rows);
            for (_cluster = 0; _cluster < segment.Clusters; _cluster++)
            {
                _leastRow = -1;
                for (int row = 0; row < _block.Rows; row++)
                {
                    _found[row].Clear();
                }
                _far.Collect(segment, _cluster, -1, this);
                index.Centroids.ReadValue(segment.FirstCluster + _cluster, _value.AsSpan(0, _block.ValueDimension));
                for (int row = 0; row < _block.Rows; row++)
                {
                    AddCluster(index, row);
                }
            }
        }
    }

    /// <summary>Adds what the cluster gives a row at step 0 and how every step changes it.</summary>
    private void AddCluster(KeyIndex index, int row)
    {
        int number = _segment.FirstCluster + _cluster;
        float weight = index.Centroids.Weights[number], logWeight = index.Centroids.LogWeights[number];
        float logit = _far.CentroidLogit(row, number) - _logSumExps[row];
        double unit = Math.Exp(logit + logWeight) / weight;
        // What is left of the cluster's values, W times the mean to begin with.
        TensorPrimitives.Multiply(_value, weight, _rest);
        AddRest(row, 0, unit, weight);
        ProbeSelection found = _found[row];
        if (found.Count == 0)
        {
            return;
        }
        found.Sort();
        _far.KeyLogits(row, _segment, found.Numbers, found.Places, _logSumExps[row], found.Scales, found.Logits, found.Masses);
        SetMasses(index, found);
        double restWeight = weight, restLogits = (double)weight * logit;
        fixed (float* rest = _rest)
        {
            for (ulong left = found.Steps; left != 0; left &= left - 1)
            {
                int step = BitOperations.TrailingZeroCount(left);
                (int start, int count) = found.OfStep(step);
                AddRest(row, step, -unit, restWeight);
                _massChanges[row * Steps + step] += Weigh(index, found, start, count, logWeight, ref restWeight, ref restLogits);
                _selected[row * Steps + step] += count;
                fixed (float* output = OutputChange(row, step))
                {
                    _far.AddValues(_segment, found.Numbers + start, count, found.Weights + start, output);
                }
                _far.AddValues(_segment, found.Numbers + start, count, found.Taken + start, rest);
                unit = restWeight <= ClusterTerms.LeastRest * weight ? 0 : Math.Exp(restLogits / restWeight + logWeight) / weight;
                AddRest(row, step, unit, restWeight);
            }
        }
    }

    /// <summary>Number of steps that a product does not pass.</summary>
    private int StepsAbove(float product)
    {
        Vector512<float> passing = Vector512.Create(product);
        int steps = 0;
        for (int step = 0; step < _least.Length; step += Lanes)
        {
            steps += BitOperations.PopCount(Vector512.GreaterThan(Vector512.Create<float>(_least.AsSpan(step)), passing).ExtractMostSignificantBits());
        }
        return steps;
    }

    private void SetMasses(KeyIndex index, ProbeSelection found)
    {
        CodedKeys store = index.Store;
        for (int i = 0; store.HasLogWeights && i < found.Places; i++)
        {
            found.Logits[i] += store.LogWeight(_segment.FirstKey + found.Numbers[i]);
        }
        for (int i = 0; i < found.Places; i += Lanes)
        {
            Kernel512.Exp(Vector512.Load(found.Logits + i)).Store(found.Masses + i);
        }
    }

    /// <summary>Sets the weights of some selected keys and takes them from the rest; returns their mass.</summary>
    private double Weigh(KeyIndex index, ProbeSelection found, int start, int count, float logWeight, ref double restWeight, ref double restLogits)
    {
        double mass = 0;
        for (int i = start; i < start + count; i++)
        {
            float own = index.Store.HasLogWeights ? index.Store.LogWeight(_segment.FirstKey + found.Numbers[i]) : 0;
            double taken = index.Store.HasLogWeights ? Math.Exp(own - logWeight) : 1;
            float part = found.Masses[i], scale = found.Scales[2 * i + 1];
            mass += part;
            restWeight -= taken;
            restLogits -= taken * (found.Logits[i] - own);
            found.Weights[i] = part * scale;
            found.Taken[i] = (float)-taken * scale;
        }
        return mass;
    }

    private void AddRest(int row, int step, double unit, double weight)
    {
        Vector512<float> factor = Vector512.Create((float)unit);
        Span<float> output = OutputChange(row, step);
        for (int i = 0; i < output.Length; i += Lanes)
        {
            Vector512.FusedMultiplyAdd(factor, Vector512.Create<float>(_rest.AsSpan(i)), Vector512.Create<float>(output[i..])).CopyTo(output[i..]);
        }
        _massChanges[row * Steps + step] += unit * weight;
    }

    private Span<float> OutputChange(int row, int step) => _outputChanges.AsSpan((row * Steps + step) * Width, Width);

    private void Reserve(int rows)
    {
        if (_logSumExps.Length < rows)
        {
            _nearMaxima = new float[rows];
            _logSumExps = new float[rows];
            _thresholds = new float[rows * StepStride];
            _outputChanges = new float[rows * Steps * Width];
            _massChanges = new double[rows * Steps];
            _selected = new int[rows * Steps];
            _found = [.. _found, .. Enumerable.Range(_found.Length, rows - _found.Length).Select(_ => new ProbeSelection())];
        }
        Array.Clear(_outputChanges);
        Array.Clear(_massChanges);
        Array.Clear(_selected);
    }
}
