using System.Runtime.Intrinsics;

namespace Prescore.Attention.Core;

/// <summary>
/// How far a query's products with sketches are taken to reach, in three bands of coordinates: the first 4, the next 8 and
/// the rest. Of keys with squared norms R² in a band of n coordinates, a query with squared norm Q² there has products of
/// mean square Q²R²/n; the bands' add up. The leading coordinates have most of the logits, so that a key that stands out in
/// them is not hidden by what all keys have in the others.
/// </summary>
/// <param name="Leading">Square of <see cref="Deviations"/> times the mean square of the first band's coordinates.</param>
/// <param name="Middle">The same of the second.</param>
/// <param name="Rest">The same of the third.</param>
internal readonly record struct SketchReach(float Leading, float Middle, float Rest)
{
    public const int Bands = 3;

    /// <summary>Deviations of a product that a key is looked for within. See docs/clustered.md.</summary>
    public const float Deviations = 2.1f;

    /// <summary>Band of a quad of coordinates.</summary>
    public static int BandOf(int quad) => quad switch { 0 => 0, < 3 => 1, _ => 2 };

    /// <summary>The reach of a query.</summary>
    /// <param name="squares">Sum of its squared coordinates in each band.</param>
    /// <param name="rank">Number of coordinates.</param>
    public static SketchReach Of(ReadOnlySpan<int> squares, int rank) =>
        new(Part(squares[0], Math.Min(rank, 4)), Part(squares[1], Math.Clamp(rank - 4, 1, 8)), Part(squares[2], Math.Max(rank - 12, 1)));

    /// <summary>Squares of the furthest products with keys whose squared norms in the bands are given.</summary>
    public Vector512<float> Squared(Vector512<float> leading, Vector512<float> middle, Vector512<float> rest) =>
        Vector512.FusedMultiplyAdd(
            Vector512.Create(Rest), rest, Vector512.FusedMultiplyAdd(Vector512.Create(Middle), middle, Vector512.Create(Leading) * leading));

    private static float Part(int squares, int coordinates) => Deviations * Deviations * squares / coordinates;
}
