using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// A tile of the sketches of <see cref="Keys"/> keys: [pairs of coordinates][keys][2 signed bytes], then an offset, a
/// number (both 16 bits) a key and the tile's radii. A vector holds two coordinates of every key, so that sums of products
/// stay in 16-bit lanes, one lane a key. A row's sketch is stored as level + <see cref="Levels"/> (one operand of the
/// multiply-add of bytes has no sign); a key's offset −<see cref="Levels"/> · Σ code takes that away again. Lanes without
/// a key have codes of 0 and the lowest offset, which is below every least product.
/// </summary>
internal static unsafe class SketchTile
{
    /// <summary>Keys of a tile: the 16-bit lanes of the widest vector.</summary>
    public const int Keys = 32;

    /// <summary>Largest absolute code of a key's coordinate.</summary>
    public const int LargestCode = 63;

    /// <summary>Largest absolute level of a row's coordinate: 2 · 132 · 63 fits 16 bits.</summary>
    public const int Levels = 66;

    /// <summary>Longest sketch.</summary>
    public const int LargestRank = 64;

    /// <summary>Least products beyond it are as good as infinite.</summary>
    public const int MostProduct = short.MaxValue;

    /// <summary>Radii of a tile, floats: squared norms in three bands of coordinates, then the first coordinate's range.</summary>
    public const int Radii = 5;

    /// <summary>Bytes from one pair of coordinates to the next.</summary>
    public const int PairBytes = 2 * Keys;

    /// <summary>First coordinate of the second and of the third band; the first begins at coordinate 1.</summary>
    private const int SecondBand = 4, ThirdBand = 12;

    /// <summary>Bytes of a tile: whole cache lines.</summary>
    public static int Bytes(int rank) => RadiiAt(rank) + 64;

    /// <summary>Where the offsets lie.</summary>
    public static int OffsetsAt(int rank) => rank / 2 * PairBytes;

    /// <summary>Where the keys' numbers lie.</summary>
    public static int NumbersAt(int rank) => OffsetsAt(rank) + 2 * Keys;

    /// <summary>Where the radii lie.</summary>
    public static int RadiiAt(int rank) => OffsetsAt(rank) + 4 * Keys;

    /// <summary>Bytes of a row's sketch: every pair of coordinates twice, so that an int broadcasts to all keys.</summary>
    public static int QueryBytes(int rank) => 2 * rank;

    /// <summary>Σ of absolute levels with which every product, whatever the key, stays within 16 bits; rounding included.</summary>
    public static int LevelSum(int rank) => MostProduct / LargestCode - rank / 2;

    /// <summary>Band of a coordinate other than the first.</summary>
    public static int BandOf(int coordinate) => coordinate < SecondBand ? 0 : coordinate < ThirdBand ? 1 : 2;

    /// <summary>Coordinates of a band, at least 1.</summary>
    public static int BandLength(int band, int rank) => band switch
    {
        0 => SecondBand - 1,
        1 => Math.Clamp(rank - SecondBand, 1, ThirdBand - SecondBand),
        _ => Math.Max(1, rank - ThirdBand),
    };

    /// <summary>Writes a key's code and number into a lane.</summary>
    public static void Write(byte* tile, int rank, int lane, sbyte* code, ushort number)
    {
        var to = (ushort*)tile + lane;
        var from = (ushort*)code;
        for (int pair = 0; pair < rank / 2; pair++)
        {
            to[pair * Keys] = from[pair];
        }
        ((ushort*)(tile + NumbersAt(rank)))[lane] = number;
    }

    /// <summary>Sets what follows from the codes of the first <paramref name="present"/> lanes; the others become empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Seal(byte* tile, int rank, int present)
    {
        Vector512<ushort> lanes = Vector512.LessThan(Vector512<ushort>.Indices, Vector512.Create((ushort)present));
        Vector512<short> sum = default;
        // Lower and upper 16 keys; a band's squares need more than 16 bits.
        Vector512<int> low = default, high = default;
        var radii = (float*)(tile + RadiiAt(rank));
        (radii[1], radii[2]) = (0, 0);
        int pairs = rank / 2;
        for (int pair = 0; pair < pairs; pair++)
        {
            var at = (short*)tile + pair * Keys;
            Vector512<short> both = Vector512.Load(at) & lanes.AsInt16();
            both.Store(at);
            Vector512<short> first = (both << 8) >> 8, second = both >> 8;
            sum += first + second;
            Vector512<short> square = pair == 0 ? second * second : first * first + second * second;
            if (pair == 0)
            {
                SetRange(radii, first, present);
            }
            low += Vector512.WidenLower(square);
            high += Vector512.WidenUpper(square);
            int band = BandOf(2 * pair + 1);
            if (pair == pairs - 1 || BandOf(2 * pair + 2) != band)
            {
                radii[band] = Largest(Vector512.Max(low, high));
                low = high = default;
            }
        }
        Vector512<short> offsets = sum * Vector512.Create((short)-Levels);
        Vector512.ConditionalSelect(lanes.AsInt16(), offsets, Vector512.Create(short.MinValue)).Store((short*)(tile + OffsetsAt(rank)));
        var numbers = (ushort*)(tile + NumbersAt(rank));
        (Vector512.Load(numbers) & lanes).Store(numbers);
    }

    private static void SetRange(float* radii, Vector512<short> first, int present)
    {
        int least = first[0], most = least;
        for (int lane = 1; lane < present; lane++)
        {
            least = Math.Min(least, first[lane]);
            most = Math.Max(most, first[lane]);
        }
        (radii[3], radii[4]) = (least, most);
    }

    private static int Largest(Vector512<int> squares)
    {
        Vector256<int> eight = Vector256.Max(squares.GetLower(), squares.GetUpper());
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        return Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
    }
}
