namespace Prescore.Numerics;

/// <summary>
/// Stateless random numbers: each is a hash of (seed, layer, head, position, stream), so it never depends on threads,
/// call order or on how many others were drawn. The hash absorbs one coordinate at a time with SplitMix64's finalizer
/// (Steele, Lea and Flood 2014), whose avalanche makes neighbouring positions independent.
/// </summary>
public static class CounterRandom
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>64 random bits of one coordinate.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="layer">Model layer.</param>
    /// <param name="head">Head.</param>
    /// <param name="position">Absolute position, or a counter.</param>
    /// <param name="stream">What the number is for: one of <see cref="RandomStream"/>.</param>
    public static ulong Hash(ulong seed, int layer, int head, int position, int stream)
    {
        ulong hash = Mix(seed + GoldenGamma);
        hash = Absorb(hash, ((ulong)(uint)layer << 32) | (uint)head);
        return Absorb(hash, ((ulong)(uint)position << 32) | (uint)stream);
    }

    /// <summary>A uniform number in [0, 1) from a hash: its upper 53 bits.</summary>
    public static double Uniform(ulong hash) => (hash >> 11) * (1.0 / (1UL << 53));

    /// <summary>A standard normal number from a hash (Box–Muller; the second uniform is hashed from the first).</summary>
    public static double Gaussian(ulong hash)
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - Uniform(hash)));
        return radius * Math.Cos(2 * Math.PI * Uniform(Mix(hash + GoldenGamma)));
    }

    private static ulong Absorb(ulong hash, ulong word) => Mix((hash ^ word) + GoldenGamma);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
