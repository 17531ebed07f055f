using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Keys of one cluster that become members of one probe, by the step of the ladder they come with, then by slot. Its memory
/// is kept.
/// </summary>
internal sealed class ProbeMembers
{
    private readonly int[] _least = new int[EffortLadder.Steps];
    private readonly int[] _within = new int[EffortLadder.Steps];
    private readonly int[] _ends = new int[EffortLadder.Steps];
    private int[] _found = [];
    private int[] _products = [];
    private int[] _slots = [];
    private float[] _logits = [];
    private float[] _weights = [];
    private float[] _negativeUnits = [];

    /// <summary>Number of members.</summary>
    public int Count { get; private set; }

    /// <summary>Their slots in the cluster.</summary>
    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, Count);

    /// <summary>Their logits without log-weights.</summary>
    public ReadOnlySpan<float> Logits => _logits.AsSpan(0, Count);

    /// <summary>Their parts of the softmax; see <see cref="Weigh"/>.</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, Count);

    /// <summary>−eᵃ of their log-weights: what the cluster's rest loses.</summary>
    public ReadOnlySpan<float> NegativeUnits => _negativeUnits.AsSpan(0, Count);

    /// <summary>The members that a step brings.</summary>
    public Range OfStep(int step) => _ends[step - 1].._ends[step];

    /// <summary>Screens the cluster that is open in the block (<see cref="QueryBlock.OpenRegion"/>).</summary>
    /// <param name="block">The probes.</param>
    /// <param name="row">Row of the probe.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="sketches">Its sketches.</param>
    /// <param name="centroids">All clusters.</param>
    /// <param name="thresholds">Smallest screened logit of every step, descending.</param>
    public void Collect(
        QueryBlock block, int row, int cluster, KeySketches sketches, CentroidSet centroids, ReadOnlySpan<double> thresholds)
    {
        Count = 0;
        Reserve(sketches.PaddedCount);
        int last = thresholds.Length - 1;
        int found = block.Screen(row, sketches, block.LeastProduct(row, cluster, centroids, thresholds[last]), _found, _products);
        if (found == 0)
        {
            return;
        }
        // What the last step brings has passed; step 0 brings nothing.
        for (int step = 1; step < last; step++)
        {
            _least[step] = block.LeastProduct(row, cluster, centroids, thresholds[step]);
            _within[step] = block.Within(row, sketches, _least[step]);
        }
        SortBySteps(found, last);
        block.MemberLogits(row, Slots, _logits);
    }

    /// <summary>Sets <see cref="Weights"/> to e^(logit + log-weight − logSumExp) and <see cref="NegativeUnits"/>.</summary>
    public void Weigh(KeyRegion region, float logSumExp)
    {
        Span<float> weights = _weights.AsSpan(0, Count), units = _negativeUnits.AsSpan(0, Count);
        TensorPrimitives.Subtract(Logits, logSumExp, weights);
        units.Fill(-1);
        if (region.HasBias)
        {
            for (int i = 0; i < Count; i++)
            {
                float logWeight = region.LogWeight(_slots[i]);
                weights[i] += logWeight;
                units[i] = -MathF.Exp(logWeight);
            }
        }
        TensorPrimitives.Exp(weights, weights);
    }

    /// <summary>Counting sort: stable, so that bits follow from the slots' order.</summary>
    private void SortBySteps(int found, int last)
    {
        Array.Clear(_ends);
        for (int i = 0; i < found; i++)
        {
            int step = last;
            while (step > 1 && _products[i] >= _least[step - 1] && _found[i] < _within[step - 1])
            {
                step--;
            }
            // From here on the step matters, no longer the product.
            _products[i] = step;
            _ends[step]++;
        }
        int start = 0;
        for (int step = 0; step < _ends.Length; step++)
        {
            (_ends[step], start) = (start, start + _ends[step]);
        }
        // Every start becomes its step's end.
        for (int i = 0; i < found; i++)
        {
            _slots[_ends[_products[i]]++] = _found[i];
        }
        Count = found;
    }

    private void Reserve(int members)
    {
        if (_found.Length < members)
        {
            int length = 2 * members;
            _found = new int[length];
            _products = new int[length];
            _slots = new int[length];
            _logits = new float[length];
            _weights = new float[length];
            _negativeUnits = new float[length];
        }
    }
}
