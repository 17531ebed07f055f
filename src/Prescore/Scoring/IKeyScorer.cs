using Prescore.Kernels;

namespace Prescore.Scoring;

/// <summary>Keys of one head, dense rows.</summary>
public readonly ref struct KeyMatrix
{
    /// <summary>Keys [count, dimension], row-major, rows <see cref="Stride"/> floats apart.</summary>
    public required ReadOnlySpan<float> Values { get; init; }

    /// <summary>Number n of keys.</summary>
    public required int Count { get; init; }

    /// <summary>Size d of a key.</summary>
    public required int Dimension { get; init; }

    /// <summary>Floats from one row to the next; 0 means dense.</summary>
    public int Stride { get => field == 0 ? Dimension : field; init; }

    /// <summary>One key.</summary>
    public ReadOnlySpan<float> this[int row] => Values.Slice(row * Stride, Dimension);

    /// <summary>Keys <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1.</summary>
    public KeyMatrix Slice(int start, int count) => new()
    {
        Values = Values[(start * Stride)..],
        Count = count,
        Dimension = Dimension,
        Stride = Stride,
    };
}

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

/// <summary>A scorer fitted on some keys of one head; used by one thread at a time.</summary>
public interface IFittedScorer
{
    /// <summary>Scores keys: higher means keep.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="firstPosition">Absolute position of the first key.</param>
    /// <param name="scores">Receives [n] scores, all finite.</param>
    void Score(in KeyMatrix keys, int firstPosition, Span<float> scores);

    /// <summary>Key-side products (key·centroid, key·key) that fitting and scoring have computed so far.</summary>
    long IndexProducts { get; }
}
