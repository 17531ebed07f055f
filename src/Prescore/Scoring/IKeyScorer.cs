using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Gives every key of a head an importance, from the keys alone unless it asks for more. Stateless and safe to share between threads.</summary>
public interface IKeyScorer
{
    /// <summary>The scorer in the grammar of method specs, such as <c>kmeans</c> or <c>kmeans-far</c>.</summary>
    string Name { get; }

    /// <summary>What it asks for beside keys and positions; who cannot give that refuses the scorer.</summary>
    ScorerNeeds Needs => ScorerNeeds.None;

    /// <summary>Fits the scorer on some keys. The fitted scorer scores these and later keys of the same head.</summary>
    /// <param name="keys">Keys to fit on, [n, d], n ≥ 1.</param>
    /// <param name="context">Seed, layer, head, selection size, and what the scorer asks for.</param>
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

    /// <summary>The same for a scorer that asks for more than keys.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="context">Position of the first key, and what the scorer asks for: the values of these keys. Queries come with the fit.</param>
    /// <param name="scores">Receives [n] scores, all finite.</param>
    void Score(in KeyMatrix keys, in ScoringContext context, Span<float> scores) => Score(keys, context.FirstPosition, scores);

    /// <summary>Key-side products (key·centroid, key·key) that fitting and scoring have computed so far.</summary>
    long IndexProducts { get; }
}
