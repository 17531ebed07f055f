using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Exact outputs of a few probe queries and the error that every step of the ladder would have made on them. The softmax
/// is kept apart by cluster: a step's output is the near part, the visited clusters' exact parts and the others' terms.
/// </summary>
/// <param name="index">The far part.</param>
/// <param name="rows">Number of probe queries.</param>
/// <param name="valueDimension">Size of values.</param>
/// <param name="steps">Steps of <see cref="EffortLadder"/> to measure.</param>
internal sealed class ProbeEvaluation(KeyIndex index, int rows, int valueDimension, int steps) : IDisposable
{
    private readonly int _clusters = index.Clusters;
    private readonly NativeBuffer _outputs = NativeBuffer.Rent((nint)(index.Clusters + 1) * rows * valueDimension);
    private readonly float[] _maxima = new float[(index.Clusters + 1) * rows];
    private readonly float[] _sums = new float[(index.Clusters + 1) * rows];
    private readonly float[] _centroidLogits = new float[index.Clusters * rows];
    private readonly float[] _meanValues = new float[index.Clusters * valueDimension];

    /// <summary>‖ô − o‖² of the last row evaluated, a number a step.</summary>
    public float[] SquaredErrors { get; private set; } = [];

    /// <summary>‖o‖² of the last row evaluated.</summary>
    public double SquaredNorm { get; private set; }

    /// <summary>Computes all parts for the queries in <paramref name="block"/>; row i sees <paramref name="nearVisible"/>[i] near keys.</summary>
    public void Compute(QueryBlock block, KeyRegion? near, ReadOnlySpan<int> nearVisible)
    {
        if (near is not null)
        {
            block.Attend(near, 0, rows, nearVisible);
        }
        Store(block, _clusters);
        for (int cluster = 0; cluster < _clusters; cluster++)
        {
            block.ResetState();
            block.Attend(index.Region(cluster), 0, rows, default);
            Store(block, cluster);
            index.Centroids.Means.ReadValue(cluster, _meanValues.AsSpan(cluster * valueDimension, valueDimension));
        }
        block.CentroidLogits(index.Centroids, _centroidLogits);
    }

    /// <summary>Writes a row's exact output, fills the errors, and returns its log-sum-exp.</summary>
    public float Evaluate(int row, Span<float> exact)
    {
        Span<float> logits = _centroidLogits.AsSpan(row * _clusters, _clusters);
        float top = _maxima[_clusters * rows + row];
        for (int cluster = 0; cluster < _clusters; cluster++)
        {
            top = Math.Max(top, Math.Max(_maxima[cluster * rows + row], logits[cluster] + LogWeight(cluster)));
        }
        SquaredErrors = new float[steps];
        if (top < QueryBlock.RemovedKey / 2)
        {
            // The row sees no key.
            exact.Clear();
            SquaredNorm = 0;
            return float.NegativeInfinity;
        }
        var estimate = new float[valueDimension];
        var output = new float[valueDimension];
        double exactSum = AddExact(_clusters, row, top, output);
        double estimateSum = exactSum;
        output.CopyTo(estimate, 0);
        for (int cluster = 0; cluster < _clusters; cluster++)
        {
            exactSum += AddExact(cluster, row, top, output);
            estimateSum += AddTerm(cluster, logits[cluster], top, 1, estimate);
        }
        TensorPrimitives.Divide(output, (float)exactSum, exact);
        SquaredNorm = TensorPrimitives.SumOfSquares<float>(exact);
        Climb(row, top, logits, exact, estimate, estimateSum);
        return top + (float)Math.Log(exactSum);
    }

    /// <summary>‖ô − o‖² of the last row evaluated at p = <paramref name="effort"/>; 0 where that visits every cluster.</summary>
    public double ErrorAt(int effort)
    {
        int step = EffortLadder.Steps[..steps].IndexOf(effort);
        return step < 0 ? 0 : SquaredErrors[step];
    }

    public void Dispose() => _outputs.Dispose();

    /// <summary>Visits the clusters from the best on and measures the error at every step of the ladder.</summary>
    private void Climb(int row, float top, ReadOnlySpan<float> logits, ReadOnlySpan<float> exact, float[] estimate, double estimateSum)
    {
        var order = new ulong[_clusters];
        for (int cluster = 0; cluster < _clusters; cluster++)
        {
            order[cluster] = OrderKey(logits[cluster], cluster);
        }
        order.AsSpan().Sort();
        var normalised = new float[valueDimension];
        int visited = 0;
        for (int step = 0; step < SquaredErrors.Length && EffortLadder.Steps[step] < _clusters; step++)
        {
            for (; visited < EffortLadder.Steps[step]; visited++)
            {
                int cluster = (int)(uint)order[visited];
                estimateSum += AddExact(cluster, row, top, estimate);
                estimateSum += AddTerm(cluster, logits[cluster], top, -1, estimate);
            }
            TensorPrimitives.Divide(estimate, (float)estimateSum, normalised);
            TensorPrimitives.Subtract(normalised, exact, normalised);
            SquaredErrors[step] = TensorPrimitives.SumOfSquares<float>(normalised);
        }
    }

    /// <summary>Ascending keys are descending logits, ties in order of cluster: as routing chooses.</summary>
    private static ulong OrderKey(float logit, int cluster)
    {
        // Adding 0 makes −0 and 0 the same key.
        int bits = BitConverter.SingleToInt32Bits(logit + 0f);
        // Negative floats ascend with falling bits: their order turns round.
        uint ascending = bits < 0 ? ~(uint)bits : (uint)bits | 0x8000_0000;
        return ((ulong)~ascending << 32) | (uint)cluster;
    }

    private float LogWeight(int cluster) => index.Centroids.LogWeight(cluster);

    private double AddExact(int part, int row, float top, Span<float> output)
    {
        int at = part * rows + row;
        if (_sums[at] == 0)
        {
            return 0;
        }
        float weight = MathF.Exp(_maxima[at] - top);
        TensorPrimitives.MultiplyAdd(_outputs.Span.Slice(at * valueDimension, valueDimension), weight, output, output);
        return (double)weight * _sums[at];
    }

    private double AddTerm(int cluster, float logit, float top, float sign, Span<float> output)
    {
        float weight = sign * MathF.Exp(logit + LogWeight(cluster) - top);
        TensorPrimitives.MultiplyAdd(_meanValues.AsSpan(cluster * valueDimension, valueDimension), weight, output, output);
        return weight;
    }

    private void Store(QueryBlock block, int part)
    {
        for (int row = 0; row < rows; row++)
        {
            int at = part * rows + row;
            block.ReadState(row, out _maxima[at], out _sums[at], _outputs.Span.Slice(at * valueDimension, valueDimension));
        }
    }
}
