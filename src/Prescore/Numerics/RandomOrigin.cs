namespace Prescore.Numerics;

/// <summary>The coordinates that all random numbers of one head share.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Layer">Model layer.</param>
/// <param name="Head">Key/value head.</param>
/// <param name="FirstPosition">Absolute position that draws are counted from.</param>
public readonly record struct RandomOrigin(ulong Seed, int Layer, int Head, int FirstPosition)
{
    /// <summary>The uniform number in [0, 1) of one position of one stream.</summary>
    /// <param name="stream">One of <see cref="RandomStream"/>.</param>
    /// <param name="offset">Position relative to <see cref="FirstPosition"/>.</param>
    public double Uniform(int stream, int offset) =>
        CounterRandom.Uniform(CounterRandom.Hash(Seed, Layer, Head, FirstPosition + offset, stream));
}
