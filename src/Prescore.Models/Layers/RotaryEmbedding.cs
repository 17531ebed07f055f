using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Prescore.Models.Families;

namespace Prescore.Models.Layers;

/// <summary>
/// Rotary position embedding (Su et al., arXiv 2104.09864): pair j of a head, its elements 2j and 2j + 1, turns by
/// position · frequency j. Frequencies and angles are rounded to fp32 as they were when the models were trained: at position
/// 8000 that moves an angle by up to 5e-4, so exact angles would be other angles than the model knows. Cosines and sines
/// of the rounded angles are computed in double precision.
/// </summary>
internal sealed class RotaryEmbedding
{
    private readonly float[] _frequencies;
    private readonly float _factor;

    /// <summary>Creates the embedding.</summary>
    /// <param name="frequencies">Radians a position, one a pair.</param>
    /// <param name="attentionFactor">Multiplies the rotated values.</param>
    public RotaryEmbedding(float[] frequencies, float attentionFactor)
    {
        _frequencies = frequencies;
        _factor = attentionFactor;
    }

    /// <summary>Radians a position, one a pair.</summary>
    public IReadOnlyList<float> Frequencies => _frequencies;

    /// <summary>Multiplies the rotated values: the scaling's attention factor, or 1.</summary>
    public float AttentionFactor => _factor;

    /// <summary>The frequencies θ^(−2j/d), divided by the model's own divisors where it has them, then scaled where wanted.</summary>
    /// <param name="configuration">Base, rotated dimensions and trained context.</param>
    /// <param name="divisors">The model's divisors, one a pair (<c>rope_freqs.weight</c>); empty: none.</param>
    /// <param name="scaling">Scaling for longer contexts; null: none.</param>
    public static RotaryEmbedding Create(ModelConfiguration configuration, ReadOnlySpan<float> divisors, RopeScaling? scaling)
    {
        var frequencies = new float[configuration.RopeDimensions / 2];
        for (int pair = 0; pair < frequencies.Length; pair++)
        {
            float period = (float)Math.Pow(configuration.RopeBase, 2.0 * pair / configuration.RopeDimensions) * (divisors.IsEmpty ? 1 : divisors[pair]);
            frequencies[pair] = scaling?.Frequency(pair, period, configuration) ?? 1 / period;
        }
        return new RotaryEmbedding(frequencies, scaling?.AttentionFactor ?? 1);
    }

    /// <summary>
    /// What <see cref="Rotate"/> needs for one position: each pair's cosine twice, and its sine with both signs (−, +),
    /// times the attention factor.
    /// </summary>
    /// <param name="position">Absolute position.</param>
    /// <param name="cosines">Receives [rotated dimensions].</param>
    /// <param name="sines">Receives [rotated dimensions].</param>
    public void Angles(int position, Span<float> cosines, Span<float> sines)
    {
        for (int pair = 0; pair < _frequencies.Length; pair++)
        {
            (double sin, double cos) = Math.SinCos((float)position * _frequencies[pair]);
            cosines[2 * pair] = cosines[2 * pair + 1] = (float)cos * _factor;
            sines[2 * pair + 1] = (float)sin * _factor;
            sines[2 * pair] = -sines[2 * pair + 1];
        }
    }

    /// <summary>
    /// Turns the pairs (2j, 2j + 1) of a head in place: the order of llama.cpp's permuted query and key weights. Elements
    /// beyond the rotated dimensions stay.
    /// </summary>
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        Vector256<int> partner = Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6);
        Span<Vector256<float>> heads = MemoryMarshal.Cast<float, Vector256<float>>(head[..cosines.Length]);
        ReadOnlySpan<Vector256<float>> turns = MemoryMarshal.Cast<float, Vector256<float>>(cosines);
        ReadOnlySpan<Vector256<float>> crossTurns = MemoryMarshal.Cast<float, Vector256<float>>(sines);
        for (int i = 0; i < heads.Length; i++)
        {
            heads[i] = heads[i] * turns[i] + Vector256.Shuffle(heads[i], partner) * crossTurns[i];
        }
        for (int i = heads.Length * Vector256<float>.Count; i < cosines.Length; i += 2)
        {
            (float x, float y) = (head[i], head[i + 1]);
            head[i] = x * cosines[i] + y * sines[i];
            head[i + 1] = y * cosines[i + 1] + x * sines[i + 1];
        }
    }
}
