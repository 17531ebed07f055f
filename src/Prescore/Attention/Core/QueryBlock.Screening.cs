using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Prescore.Kernels;

namespace Prescore.Attention.Core;

/// <summary>Screening: which members of a cluster promise, by their sketches, enough of a row's attention.</summary>
internal abstract unsafe partial class QueryBlock
{
    /// <summary>Sketch products a logit of a query without a sketch: clusters' logits alone decide, as any product is too small or too large.</summary>
    private protected const double NoStep = 1e300;

    /// <summary>Sets the query's sketch of a row, rounded to whole levels.</summary>
    /// <param name="row">The row.</param>
    /// <param name="coordinates">Coordinates of the scaled query [rank].</param>
    public abstract void SetSketch(int row, ReadOnlySpan<float> coordinates);

    /// <summary>
    /// Has a row attend exactly, in <see cref="AttendMembers"/>, the members whose screened logit (with their cluster's
    /// mean log-weight) is at least <paramref name="threshold"/>, where that is within <see cref="SketchReach"/>.
    /// </summary>
    public abstract void SetThreshold(int row, double threshold);

    /// <summary>Logit that one unit of a row's sketch products stands for; 0 where the query has no sketch to speak of.</summary>
    public abstract float SketchStep(int row);

    /// <summary>The smallest sketch product with which a member of a cluster passes a threshold; int.MaxValue where none does.</summary>
    public abstract int LeastProduct(int row, int cluster, CentroidSet centroids, double threshold);

    /// <summary>How many of a cluster's sketches, from the first on, a row compares to find products of at least <paramref name="least"/>.</summary>
    public abstract int Within(int row, KeySketches sketches, int least);

    /// <summary>Members of a cluster within reach whose sketch product with a row's is at least <paramref name="least"/>; returns how many.</summary>
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
    private readonly int[] _leastProducts;
    private readonly double* _thresholds;
    private readonly double* _perSteps;
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
        Vector128<int> sums = default;
        Span<int> squares = stackalloc int[SketchReach.Bands];
        squares.Clear();
        for (int quad = 0; quad < _quads; quad++)
        {
            Vector128<float> scaled = Vector128.Create(coordinates[(4 * quad)..]) * perStep;
            Vector128<int> levels = perStep == 0 ? default : Vector128.ConvertToInt32(Vector128.Round(scaled));
            Vector128<short> narrow = Vector128.Narrow(levels, levels);
            _sketches[row * _quads + quad] = Vector128.Narrow(narrow, narrow).AsInt32()[0];
            sums += levels;
            squares[SketchReach.BandOf(quad)] += Vector128.Sum(levels * levels);
        }
        ref ScreenState screen = ref _screens[row];
        screen.Step = perStep == 0 ? 0 : step;
        screen.Offset = KeySketches.Offset * Vector128.Sum(sums);
        _perSteps[row] = perStep == 0 ? NoStep : 1.0 / step;
        float* reaches = _reaches + row;
        (reaches[0], reaches[_stateStride], reaches[2 * _stateStride]) = SketchReach.Of(squares, rank);
    }

    public override void SetThreshold(int row, double threshold)
    {
        _thresholds[row] = threshold;
        _screening = true;
    }

    public override float SketchStep(int row) => _screens[row].Step;

    public override int LeastProduct(int row, int cluster, CentroidSet centroids, double threshold) =>
        SketchLayout.LeastProduct(threshold - CentroidLogit(row, cluster) - centroids.MeanLogWeight(cluster), _perSteps[row]);

    public override int Within(int row, KeySketches sketches, int least) => sketches.Within(least, ReachOf(row));

    public override int Screen(int row, KeySketches sketches, int least, Span<int> indices, Span<int> products)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Math.Min(indices.Length, products.Length), sketches.PaddedCount);
        fixed (int* query = &_sketches[row * _quads], found = indices, dots = products)
        {
            int read = Within(row, sketches, least);
            if (read == 0)
            {
                return 0;
            }
            int offset = _screens[row].Offset;
            int count = TKernel.Screen(sketches.Codes, read, _quads, query, least + offset, found, dots);
            for (int i = 0; i < count; i++)
            {
                dots[i] -= offset;
            }
            return count;
        }
    }

    /// <summary>Rows whose threshold is within the reach of a cluster's sketches, and their least products.</summary>
    private int Candidates(int cluster, KeySketches sketches, CentroidSet centroids)
    {
        if (!_screening)
        {
            return 0;
        }
        float* radii = stackalloc float[SketchReach.Bands];
        for (int band = 0; band < SketchReach.Bands; band++)
        {
            radii[band] = sketches.SquaredRadius(band);
        }
        fixed (int* candidates = _candidates, least = _leastProducts)
        {
            return TKernel.CollectReaching(
                _centroidLogits!.Pointer + cluster * _logitStride, centroids.MeanLogWeight(cluster), _thresholds, _perSteps,
                _reaches, _stateStride, radii, Rows, candidates, least);
        }
    }

    /// <summary>How far a row's products are taken to reach.</summary>
    private SketchReach ReachOf(int row) => new(_reaches[row], _reaches[_stateStride + row], _reaches[2 * _stateStride + row]);

    /// <summary>What a row screens with.</summary>
    private struct ScreenState
    {
        /// <summary>Logit of one unit of the products.</summary>
        public float Step;

        /// <summary>What the offset of the keys' codes adds to every product.</summary>
        public int Offset;

        public int Members;

        public int Screened;
    }
}
