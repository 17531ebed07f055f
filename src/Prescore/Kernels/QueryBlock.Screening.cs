using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>Screening: which members of a cluster promise, by their sketches, enough of a row's attention.</summary>
internal abstract unsafe partial class QueryBlock
{
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
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    private readonly ScreenState[] _screens;
    private readonly int[] _candidates;
    private readonly float* _leastLogits;
    private readonly float* _reaches;
    private int[] _sketches = [];
    private bool _screening;
    private int _quads;

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
        ref ScreenState screen = ref _screens[row];
        screen.Step = perStep == 0 ? 0 : step;
        screen.PerStep = 1.0 / step;
        screen.Offset = KeySketches.Offset * Vector128.Sum(sums);
        screen.Norm = MathF.Sqrt(Vector128.Sum(squares));
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
        double least = Math.Ceiling(missing * screen.PerStep);
        return least > screen.Norm * sketches.Reach ? int.MaxValue : (int)Math.Max(least, int.MinValue / 2);
    }

    /// <summary>What a row screens with.</summary>
    private struct ScreenState
    {
        /// <summary>Smallest screened logit of a member.</summary>
        public double Threshold;

        /// <summary>Logit of one unit of the products.</summary>
        public float Step;

        /// <summary>Its reciprocal, where there is one.</summary>
        public double PerStep;

        /// <summary>What the offset of the keys' codes adds to every product.</summary>
        public int Offset;

        /// <summary>Norm of the query's levels.</summary>
        public float Norm;

        public int Members;

        public int Screened;
    }
}
