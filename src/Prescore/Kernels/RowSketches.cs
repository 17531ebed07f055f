using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Sketches of some rows (queries) and what a row asks of a key: the smallest product with its sketch that passes the row's
/// threshold. Whether a tile may hold such a key follows from how far products reach: of keys with squared norms R² in a band
/// of n coordinates, a row with squared norm Q² there has products of mean square Q²R²/n; the bands' add up, and the first
/// coordinate, which has most of the logits, counts by its sign. Arrays are readable and writable up to whole vectors of 16
/// rows; rows beyond the last have a threshold of +∞. One code for every machine: the same bits on all of them.
/// </summary>
internal unsafe struct RowSketches
{
    /// <summary>Deviations of a product that a key is looked for within. See docs/clustered.md.</summary>
    public const float Deviations = 2.1f;

    /// <summary>Rows of <see cref="Bands"/>: three bands, then the first coordinate's levels.</summary>
    public const int BandRows = 4;

    /// <summary>Products a logit of a row without a sketch: clusters' logits alone decide.</summary>
    private const float NoStep = 1e30f;

    /// <summary>Coordinates of a sketch, a multiple of 4.</summary>
    public int Rank;

    /// <summary>Number of rows, a multiple of 16.</summary>
    public int Rows;

    /// <summary>Distance of the rows of <see cref="Bands"/>.</summary>
    public nint Stride;

    /// <summary>Smallest logit of a key that is looked for.</summary>
    public float* Thresholds;

    /// <summary>Sketch products a logit.</summary>
    public float* PerSteps;

    /// <summary>Squares of how far products reach a unit of a tile's squared radius, a band a row; then the first coordinate's levels.</summary>
    public float* Bands;

    /// <summary>Least products, as numbers and packed with the row: row · 2^16 + product.</summary>
    public float* Least;

    /// <inheritdoc cref="Least"/>
    public int* Packed;

    /// <summary>Keys compared so far.</summary>
    public int* Screened;

    /// <summary>Levels as <see cref="SketchTile"/> asks for them, <see cref="SketchTile.QueryBytes"/> a row.</summary>
    public byte* Sketches;

    /// <summary>Sets the sketch of a row: levels of its coordinates and how far its products reach.</summary>
    /// <param name="row">The row.</param>
    /// <param name="coordinates">Its coordinates, zeros up to a multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Set(int row, float* coordinates)
    {
        float step = StepOf(coordinates, Rank);
        float perStep = float.IsNormal(step) && float.IsNormal(1 / step) ? 1 / step : 0;
        PerSteps[row] = perStep == 0 ? NoStep : perStep;
        byte* to = Sketches + (nint)row * SketchTile.QueryBytes(Rank);
        Vector512<float> first = default, second = default, third = default;
        for (int c = 0; c < Rank; c += 16)
        {
            Vector512<int> levels = perStep == 0 ? default : Vector512.ConvertToInt32(Vector512.Round(Vector512.Load(coordinates + c) * perStep));
            StoreTwice(levels, to + 2 * c);
            Vector512<float> square = Vector512.ConvertToSingle(levels * levels);
            if (c > 0)
            {
                third += square;
                continue;
            }
            Bands[3 * Stride + row] = levels[0];
            first = square & Lanes(1, 4);
            second = square & Lanes(4, 12);
            third = square & Lanes(12, 16);
        }
        Bands[row] = Reach(first, 0);
        Bands[Stride + row] = Reach(second, 1);
        Bands[2 * Stride + row] = Reach(third, 2);
    }

    /// <summary>Logit of one level times one code: no level is beyond <see cref="SketchTile.Levels"/>, and no product beyond 16 bits.</summary>
    public static float StepOf(float* coordinates, int rank)
    {
        Vector512<float> largest = default, sum = default;
        for (int c = 0; c < rank; c += 16)
        {
            Vector512<float> magnitude = Vector512.Abs(Vector512.Load(coordinates + c));
            largest = Vector512.Max(largest, magnitude);
            sum += magnitude;
        }
        Vector256<float> eight = Vector256.Max(largest.GetLower(), largest.GetUpper());
        Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        float most = Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
        return Math.Max(most / SketchTile.Levels, Vector512.Sum(sum) / SketchTile.LevelSum(rank));
    }

    /// <summary>Least products of all rows for a cluster.</summary>
    /// <param name="logits">Logits of the cluster's mean key.</param>
    /// <param name="offset">What is added to them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void SetLeast(float* logits, float offset)
    {
        Vector512<float> most = Vector512.Create((float)SketchTile.MostProduct);
        for (int i = 0; i < Rows; i += 16)
        {
            Vector512<float> missing = Vector512.Load(Thresholds + i) - (Vector512.Load(logits + i) + Vector512.Create(offset));
            Vector512<float> least = Vector512.Ceiling(missing * Vector512.Load(PerSteps + i));
            least.Store(Least + i);
            Vector512<int> whole = Vector512.ConvertToInt32(Vector512.Min(Vector512.Max(least, -most), most));
            Vector512<int> row = (Vector512<int>.Indices + Vector512.Create(i)) << 16;
            (row | (whole & Vector512.Create(0xFFFF))).Store(Packed + i);
        }
    }

    /// <summary>Finds the rows whose least product is within the reach of a tile, for two tiles at a time.</summary>
    /// <param name="radii">The first tile's radii.</param>
    /// <param name="keys">The first tile's keys.</param>
    /// <param name="otherRadii">The second tile's radii.</param>
    /// <param name="otherKeys">The second tile's keys.</param>
    /// <param name="found">Receives the packed rows for the first.</param>
    /// <param name="otherFound">Receives the packed rows for the second.</param>
    /// <returns>Numbers of rows.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly (int First, int Second) Reaching(float* radii, int keys, float* otherRadii, int otherKeys, int* found, int* otherFound)
    {
        Vector512<float> r0 = Vector512.Create(radii[0]), r1 = Vector512.Create(radii[1]), r2 = Vector512.Create(radii[2]);
        Vector512<float> low = Vector512.Create(radii[3]), high = Vector512.Create(radii[4]);
        Vector512<float> o0 = Vector512.Create(otherRadii[0]), o1 = Vector512.Create(otherRadii[1]), o2 = Vector512.Create(otherRadii[2]);
        Vector512<float> otherLow = Vector512.Create(otherRadii[3]), otherHigh = Vector512.Create(otherRadii[4]);
        Vector512<int> present = Vector512.Create(keys), otherPresent = Vector512.Create(otherKeys);
        float* bands1 = Bands + Stride, bands2 = Bands + 2 * Stride, leads = Bands + 3 * Stride;
        int count = 0, other = 0;
        for (int i = 0; i < Rows; i += 16)
        {
            Vector512<float> lead = Vector512.Load(leads + i), needed = Vector512.Load(Least + i);
            Vector512<float> b0 = Vector512.Load(Bands + i), b1 = Vector512.Load(bands1 + i), b2 = Vector512.Load(bands2 + i);
            Vector512<int> row = Vector512.Load(Packed + i);
            Vector512<float> left = Vector512.MaxNative(needed - Vector512.MaxNative(lead * low, lead * high), Vector512<float>.Zero);
            Vector512<float> squared = Vector512.FusedMultiplyAdd(b2, r2, Vector512.FusedMultiplyAdd(b1, r1, b0 * r0));
            Vector512<float> otherLeft = Vector512.MaxNative(needed - Vector512.MaxNative(lead * otherLow, lead * otherHigh), Vector512<float>.Zero);
            Vector512<float> otherSquared = Vector512.FusedMultiplyAdd(b2, o2, Vector512.FusedMultiplyAdd(b1, o1, b0 * o0));
            left *= left;
            otherLeft *= otherLeft;
            // Compared twice: from one comparison the compiler makes a vector and a mask of it again.
            Vector512<int> hits = Vector512.LessThanOrEqual(left, squared).AsInt32();
            Vector512<int> otherHits = Vector512.LessThanOrEqual(otherLeft, otherSquared).AsInt32();
            (Vector512.Load(Screened + i) + (hits & present) + (otherHits & otherPresent)).Store(Screened + i);
            Compress(row, hits, found + count);
            count += BitOperations.PopCount(Vector512.GreaterThanOrEqual(squared, left).ExtractMostSignificantBits());
            Compress(row, otherHits, otherFound + other);
            other += BitOperations.PopCount(Vector512.GreaterThanOrEqual(otherSquared, otherLeft).ExtractMostSignificantBits());
        }
        return (count, other);
    }

    /// <summary>Whether a least product of a row is within the reach of a tile: <see cref="Reaching"/> for any product.</summary>
    public readonly bool Reaches(int row, float* radii, float least)
    {
        float lead = Bands[3 * Stride + row];
        float left = MathF.Max(least - MathF.Max(lead * radii[3], lead * radii[4]), 0);
        float squared = MathF.FusedMultiplyAdd(
            Bands[2 * Stride + row], radii[2], MathF.FusedMultiplyAdd(Bands[Stride + row], radii[1], Bands[row] * radii[0]));
        return left * left <= squared;
    }

    /// <summary>The same sixteen rows and no others, numbered from 0.</summary>
    public readonly RowSketches Sixteen(int first) => this with
    {
        Rows = 16,
        Thresholds = Thresholds + first,
        PerSteps = PerSteps + first,
        Bands = Bands + first,
        Least = Least + first,
        Packed = Packed + first,
        Screened = Screened + first,
        Sketches = Sketches + (nint)first * SketchTile.QueryBytes(Rank),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Compress(Vector512<int> lanes, Vector512<int> mask, int* to)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.Compress(Vector512<int>.Zero, mask, lanes).Store(to);
            return;
        }
        for (ulong left = mask.ExtractMostSignificantBits(); left != 0; left &= left - 1)
        {
            *to++ = lanes[BitOperations.TrailingZeroCount(left)];
        }
    }

    private readonly float Reach(Vector512<float> squares, int band) =>
        Deviations * Deviations / SketchTile.BandLength(band, Rank) * Vector512.Sum(squares);

    private static Vector512<float> Lanes(int first, int end) =>
        (Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create(first)) & Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(end))).AsSingle();

    /// <summary>Sixteen levels without sign, every pair of them twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTwice(Vector512<int> levels, byte* to)
    {
        Vector512<int> shifted = levels + Vector512.Create(SketchTile.Levels);
        Vector256<short> words = Vector256.Narrow(shifted.GetLower(), shifted.GetUpper());
        Vector128<ushort> pairs = Vector128.Narrow(words.GetLower().AsUInt16(), words.GetUpper().AsUInt16()).AsUInt16();
        Vector128.Shuffle(pairs, Vector128.Create((ushort)0, 0, 1, 1, 2, 2, 3, 3)).Store((ushort*)to);
        Vector128.Shuffle(pairs, Vector128.Create((ushort)4, 4, 5, 5, 6, 6, 7, 7)).Store((ushort*)to + 8);
    }
}
