using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Exact outputs of a few probe queries and the error that every step of the ladder would have made on them: the members
/// of one step after the other leave their clusters' terms, as they do where queries attend.
/// </summary>
/// <param name="index">The far part.</param>
/// <param name="queries">The probes.</param>
/// <param name="valueDimension">Size of values.</param>
/// <param name="lastStep">Last step of the ladder to measure.</param>
internal sealed class ProbeEvaluation(KeyIndex index, QueryBatch queries, int valueDimension, int lastStep)
{
    /// <summary>
    /// Steps are measured down to this part of an even share of attention: whoever needs more keys than that is exact.
    /// </summary>
    private const double LeastShare = 0.5;

    private readonly QueryBlock _block = queries.Block;
    private readonly int _lastStep = Math.Min(lastStep, EffortLadder.StepOf(LeastShare / Math.Max(1, index.Count)));
    private readonly List<Member>[] _members = [.. Enumerable.Range(0, EffortLadder.Steps).Select(_ => new List<Member>())];
    private readonly double[] _terms = new double[index.Clusters];
    private readonly double[] _weights = new double[index.Clusters];
    private readonly double[] _restWeights = new double[index.Clusters];
    private readonly double[] _restLogits = new double[index.Clusters];
    private readonly float[] _restValues = new float[index.Clusters * valueDimension];
    private readonly bool[] _touched = new bool[index.Clusters];
    private readonly List<int> _touchedClusters = [];
    private readonly float[] _value = new float[valueDimension];
    private float[] _nearOutputs = [];
    private float[] _nearMaxima = [];
    private float[] _nearSums = [];
    private float[] _masses = [];
    private int[] _indices = [];
    private int[] _products = [];
    private float[] _logits = [];
    private double _sum;
    private readonly float[] _output = new float[valueDimension];
    private double _top;

    /// <summary>‖ô − o‖² of the last row evaluated, a number a step.</summary>
    public float[] SquaredErrors { get; private set; } = [];

    /// <summary>Members of the last row evaluated, a number a step.</summary>
    public int[] Members { get; private set; } = [];

    /// <summary>‖o‖² of the last row evaluated.</summary>
    public double SquaredNorm { get; private set; }

    /// <summary>Computes the exact outputs; row i sees <paramref name="nearVisible"/>[i] near keys.</summary>
    public void Compute(KeyRegion? near, ReadOnlySpan<int> nearVisible)
    {
        int rows = _block.Rows;
        _nearOutputs = new float[rows * valueDimension];
        _nearMaxima = new float[rows];
        _nearSums = new float[rows];
        _masses = new float[rows];
        AttendNear(near, nearVisible);
        for (int row = 0; row < rows; row++)
        {
            _block.ReadState(row, out _nearMaxima[row], out _nearSums[row], _nearOutputs.AsSpan(row * valueDimension, valueDimension));
        }
        if (index.Count > 0)
        {
            _block.AttendCentroids(index.Centroids, 0, rows);
            for (int row = 0; row < rows; row++)
            {
                _masses[row] = _block.LogSumExp(row);
                queries.SetSketch(index, row);
            }
        }
        _block.ResetState();
        AttendNear(near, nearVisible);
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            _block.Attend(index.Region(cluster), 0, rows, default);
        }
    }

    /// <summary>Writes a row's exact output, fills the errors, and returns its log-sum-exp.</summary>
    public float Evaluate(int row, Span<float> exact)
    {
        SquaredErrors = new float[EffortLadder.Steps];
        Members = new int[EffortLadder.Steps];
        float logSumExp = _block.Finish(row, exact);
        SquaredNorm = TensorPrimitives.SumOfSquares<float>(exact);
        if (float.IsNegativeInfinity(logSumExp) || index.Count == 0)
        {
            return logSumExp;
        }
        _top = logSumExp;
        Begin(row);
        Collect(row);
        Climb(exact);
        return logSumExp;
    }

    private void AttendNear(KeyRegion? near, ReadOnlySpan<int> visible)
    {
        if (near is not null)
        {
            _block.Attend(near, 0, _block.Rows, visible);
        }
    }

    /// <summary>Near part and whole clusters.</summary>
    private void Begin(int row)
    {
        CentroidSet centroids = index.Centroids;
        float nearWeight = _nearSums[row] == 0 ? 0 : (float)Math.Exp(_nearMaxima[row] - _top);
        TensorPrimitives.Multiply(_nearOutputs.AsSpan(row * valueDimension, valueDimension), nearWeight, _output);
        _sum = (double)nearWeight * _nearSums[row];
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            float logit = _block.CentroidLogit(row, cluster);
            _weights[cluster] = _restWeights[cluster] = Math.Exp(centroids.LogWeight(cluster));
            _restLogits[cluster] = _restWeights[cluster] * logit;
            centroids.Means.ReadValue(cluster, _value);
            TensorPrimitives.Multiply(_value, (float)_restWeights[cluster], _restValues.AsSpan(cluster * valueDimension, valueDimension));
            _terms[cluster] = Math.Exp(logit - _top);
            AddRest(cluster, 1);
        }
    }

    /// <summary>All members of the last step, by the step they come with, in order of cluster and slot.</summary>
    private void Collect(int row)
    {
        foreach (List<Member> members in _members)
        {
            members.Clear();
        }
        Span<int> least = stackalloc int[EffortLadder.Steps];
        for (int cluster = 0; cluster < index.Clusters && _lastStep > 0; cluster++)
        {
            KeySketches sketches = index.Sketches(cluster);
            if (_block.LeastProduct(row, cluster, sketches, index.Centroids, _masses[row] + EffortLadder.LogShare(_lastStep)) == int.MaxValue)
            {
                continue;
            }
            for (int step = 1; step <= _lastStep; step++)
            {
                least[step] = _block.LeastProduct(row, cluster, sketches, index.Centroids, _masses[row] + EffortLadder.LogShare(step));
            }
            Reserve(sketches.PaddedCount);
            int found = _block.Screen(row, sketches, least[_lastStep], _indices, _products);
            _block.MemberLogits(row, index.Region(cluster), _indices.AsSpan(0, found), _logits);
            for (int i = 0; i < found; i++)
            {
                int step = _lastStep;
                while (step > 1 && _products[i] >= least[step - 1])
                {
                    step--;
                }
                _members[step].Add(new Member(cluster, _indices[i], _logits[i]));
            }
        }
    }

    /// <summary>Takes the members of one step after the other and measures the error; steps beyond the last have its error.</summary>
    private void Climb(ReadOnlySpan<float> exact)
    {
        var estimate = new float[valueDimension];
        int taken = 0;
        for (int step = 0; step < EffortLadder.Steps; step++)
        {
            if (step > _lastStep)
            {
                SquaredErrors[step] = SquaredErrors[step - 1];
                Members[step] = index.Count;
                continue;
            }
            Take(_members[step]);
            taken += _members[step].Count;
            TensorPrimitives.Divide(_output, (float)_sum, estimate);
            TensorPrimitives.Subtract(estimate, exact, estimate);
            SquaredErrors[step] = TensorPrimitives.SumOfSquares<float>(estimate);
            Members[step] = taken;
        }
    }

    private void Take(List<Member> members)
    {
        foreach (Member member in members)
        {
            Touch(member.Cluster);
            KeyRegion region = index.Region(member.Cluster);
            float logWeight = region.LogWeight(member.Slot);
            double unit = Math.Exp(logWeight);
            float weight = (float)Math.Exp(member.Logit + logWeight - _top);
            region.ReadValue(member.Slot, _value);
            TensorPrimitives.MultiplyAdd(_value, weight, _output, _output);
            _sum += weight;
            _restWeights[member.Cluster] -= unit;
            _restLogits[member.Cluster] -= unit * member.Logit;
            Span<float> rest = _restValues.AsSpan(member.Cluster * valueDimension, valueDimension);
            TensorPrimitives.MultiplyAdd(_value, -(float)unit, rest, rest);
        }
        foreach (int cluster in _touchedClusters)
        {
            _touched[cluster] = false;
            double rest = _restWeights[cluster];
            _terms[cluster] = rest < QueryBlock.LeastRest * _weights[cluster] ? 0 : Math.Exp(_restLogits[cluster] / rest - _top);
            AddRest(cluster, 1);
        }
        _touchedClusters.Clear();
    }

    /// <summary>The first member of a step that leaves a cluster takes the cluster's term away; <see cref="Take"/> brings the new one.</summary>
    private void Touch(int cluster)
    {
        if (!_touched[cluster])
        {
            _touched[cluster] = true;
            _touchedClusters.Add(cluster);
            AddRest(cluster, -1);
        }
    }

    private void AddRest(int cluster, double sign)
    {
        double term = sign * _terms[cluster];
        TensorPrimitives.MultiplyAdd(_restValues.AsSpan(cluster * valueDimension, valueDimension), (float)term, _output, _output);
        _sum += term * _restWeights[cluster];
    }

    private void Reserve(int members)
    {
        if (_indices.Length < members)
        {
            _indices = new int[2 * members];
            _products = new int[2 * members];
            _logits = new float[2 * members];
        }
    }

    /// <summary>A key that a step makes a member.</summary>
    private readonly record struct Member(int Cluster, int Slot, float Logit);
}
