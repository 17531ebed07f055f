using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>What a scorer may depend on besides the keys.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Layer">Model layer.</param>
/// <param name="Head">Key/value head.</param>
/// <param name="FirstPosition">Absolute position of the first key.</param>
/// <param name="Selected">How many keys will be selected (s); clustering takes k = min(d + 1, ⌊s/2⌋).</param>
/// <param name="Simd">SIMD path.</param>
public readonly record struct ScoringContext(ulong Seed, int Layer, int Head, int FirstPosition, int Selected, SimdPath Simd)
{
    /// <summary>Where random numbers are counted from.</summary>
    internal RandomOrigin Origin => new(Seed, Layer, Head, FirstPosition);
}

/// <summary>Gives every key of a head a query-independent importance. Stateless and safe to share between threads.</summary>
public interface IKeyScorer
{
    /// <summary>The scorer in the grammar of method specs, such as <c>kmeans</c> or <c>kmeans-far</c>.</summary>
    string Name { get; }

    /// <summary>Fits the scorer on some keys. The fitted scorer scores these and later keys of the same head.</summary>
    /// <param name="keys">Keys to fit on, [n, d], n ≥ 1.</param>
    /// <param name="context">Seed, layer, head, selection size.</param>
    IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context);
}

/// <summary>
/// A scorer fitted on some keys of one head; used by one thread at a time. Who fits it disposes of it; one that holds nothing
/// but managed memory need not implement that.
/// </summary>
public interface IFittedScorer : IDisposable
{
    void IDisposable.Dispose()
    {
    }

    /// <summary>Scores keys: higher means keep.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="firstPosition">Absolute position of the first key.</param>
    /// <param name="scores">Receives [n] scores, all finite.</param>
    void Score(in KeyMatrix keys, int firstPosition, Span<float> scores);

    /// <summary>Key-side products (key·centroid, key·key) that fitting and scoring have computed so far.</summary>
    long IndexProducts { get; }
}
