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
    public const float Deviations = 1.8f;

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

    /// <summary>Sets the sketches of some rows: levels of their coordinates and how far their products reach. Sixteen rows side by side.</summary>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="coordinates">Their coordinates, zeros up to the stride.</param>
    /// <param name="stride">How far rows of coordinates are apart: a multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Set(int first, int count, float* coordinates, int stride)
    {
        float* columns = stackalloc float[SketchTile.LargestRank * 16];
        float** eight = stackalloc float*[8];
        for (int done = 0; done < count; done += 16)
        {
            float* rows = coordinates + (nint)done * stride;
            int present = Math.Min(16, count - done);
            for (int half = 0; half < 16; half += 8)
            {
                for (int i = 0; i < 8; i++)
                {
                    eight[i] = rows + (nint)Math.Min(half + i, present - 1) * stride;
                }
                Transpose.Eight(eight, Rank, columns + half, 16);
            }
            SetSixteen(first + done, present, columns);
            for (int i = 0; i < present; i++)
            {
                SetLevels(first + done + i, rows + (nint)i * stride);
            }
        }
    }

    /// <summary>
    /// What tells how far rows reach, of at most sixteen rows. The logit of one level times one code is such that no level is
    /// beyond <see cref="SketchTile.Levels"/>, and no product beyond 16 bits.
    /// </summary>
    private readonly void SetSixteen(int first, int count, float* columns)
    {
        Vector512<float> largest = default, sum = default;
        for (int c = 0; c < Rank; c++)
        {
            Vector512<float> magnitude = Vector512.Abs(Vector512.Load(columns + c * 16));
            largest = Vector512.Max(largest, magnitude);
            sum += magnitude;
        }
        Vector512<float> step = Vector512.Max(largest / Vector512.Create((float)SketchTile.Levels), sum / Vector512.Create((float)SketchTile.LevelSum(Rank)));
        Vector512<float> inverse = Vector512<float>.One / step, some = Normal(step) & Normal(inverse);
        Vector512<float> perStep = Vector512.ConditionalSelect(some, inverse, Vector512.Create(NoStep));
        Put(Level(columns, 0, perStep) & some, Bands + 3 * Stride + first, count);
        for (int band = 0, c = 1; band < BandRows - 1; band++)
        {
            Vector512<float> squares = default;
            for (; c < Rank && SketchTile.BandOf(c) == band; c++)
            {
                Vector512<float> level = Level(columns, c, perStep) & some;
                squares = Vector512.FusedMultiplyAdd(level, level, squares);
            }
            Put(squares * (Deviations * Deviations / SketchTile.BandLength(band, Rank)), Bands + band * Stride + first, count);
        }
        Put(perStep, PerSteps + first, count);
    }

    private readonly void SetLevels(int row, float* coordinates)
    {
        float perStep = PerSteps[row];
        byte* to = Sketches + (nint)row * SketchTile.QueryBytes(Rank);
        for (int c = 0; c < Rank; c += 16)
        {
            StoreTwice(perStep == NoStep ? default : Vector512.ConvertToInt32(Level(coordinates, c / 16, Vector512.Create(perStep))), to + 2 * c);
        }
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

    /// <summary>Coordinates of a vector as whole steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Level(float* vectors, int vector, Vector512<float> perStep) => Vector512.Round(Vector512.Load(vectors + 16 * vector) * perStep);

    private static Vector512<float> Normal(Vector512<float> positive) =>
        Vector512.GreaterThanOrEqual(positive, Vector512.Create(BitConverter.Int32BitsToSingle(0x00800000))) & Vector512.LessThanOrEqual(positive, Vector512.Create(float.MaxValue));

    private static void Put(Vector512<float> lanes, float* to, int count) =>
        Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), lanes, Vector512.Load(to)).Store(to);

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
