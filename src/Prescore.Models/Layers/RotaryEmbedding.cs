using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Models.Layers;

/// <summary>
/// Rotary position embedding (Su et al., arXiv 2104.09864): pair j of a head turns by position · frequency j; elements
/// beyond the rotated dimensions stay. Frequencies and angles are rounded to fp32 as they were when the models were
/// trained: at position 8000 that moves an angle by up to 5e-4, so exact angles would be other angles than the model knows.
/// Cosines and sines of the rounded angles are computed in double precision.
/// </summary>
public sealed class RotaryEmbedding
{
    private readonly float[] _frequencies;
    private readonly float _factor;
    private readonly RotaryPairing _pairing;

    /// <summary>Creates the embedding.</summary>
    /// <param name="frequencies">Radians a position, one a pair.</param>
    /// <param name="pairing">Which elements are pairs.</param>
    /// <param name="attentionFactor">Multiplies the rotated values.</param>
    public RotaryEmbedding(float[] frequencies, RotaryPairing pairing = RotaryPairing.Interleaved, float attentionFactor = 1)
    {
        (_frequencies, _pairing, _factor) = (frequencies, pairing, attentionFactor);
    }

    /// <summary>Rotated elements of a head: twice the number of pairs.</summary>
    public int Dimensions => 2 * _frequencies.Length;

    /// <summary>Radians a position, one a pair.</summary>
    public IReadOnlyList<float> Frequencies => _frequencies;

    /// <summary>Multiplies the rotated values: YaRN's attention factor, or 1.</summary>
    public float AttentionFactor => _factor;

    /// <summary>The frequencies θ^(−2j/r), divided by the model's own divisors where it has them, then scaled.</summary>
    /// <param name="settings">Base, rotated dimensions, pairing and trained context.</param>
    /// <param name="divisors">The model's divisors, one a pair (<c>rope_freqs.weight</c>); empty: none.</param>
    /// <param name="scalings">Scalings, each on top of those before it.</param>
    public static RotaryEmbedding Create(RotarySettings settings, ReadOnlySpan<float> divisors, params ReadOnlySpan<RopeScaling> scalings)
    {
        var frequencies = new float[settings.Dimensions / 2];
        for (int pair = 0; pair < frequencies.Length; pair++)
        {
            float period = (float)Math.Pow(settings.Base, 2.0 * pair / settings.Dimensions) * (divisors.IsEmpty ? 1 : divisors[pair]);
            frequencies[pair] = 1 / period;
            foreach (RopeScaling scaling in scalings)
            {
                frequencies[pair] = scaling.Frequency(pair, period, settings);
                period = 1 / frequencies[pair];
            }
        }
        float factor = 1;
        foreach (RopeScaling scaling in scalings)
        {
            factor *= scaling.AttentionFactor;
        }
        return new RotaryEmbedding(frequencies, settings.Pairing, factor);
    }

    /// <summary>
    /// What <see cref="Rotate"/> needs for one position: every element's cosine, and its partner's factor (−sine for a
    /// pair's first element, +sine for its second), times the attention factor.
    /// </summary>
    /// <param name="position">Absolute position.</param>
    /// <param name="cosines">Receives [rotated dimensions].</param>
    /// <param name="sines">Receives [rotated dimensions].</param>
    public void Angles(int position, Span<float> cosines, Span<float> sines)
    {
        (int step, int partner) = _pairing == RotaryPairing.Interleaved ? (2, 1) : (1, _frequencies.Length);
        for (int pair = 0; pair < _frequencies.Length; pair++)
        {
            (double sin, double cos) = Math.SinCos((float)position * _frequencies[pair]);
            int first = step * pair, second = first + partner;
            cosines[first] = cosines[second] = (float)cos * _factor;
            sines[second] = (float)sin * _factor;
            sines[first] = -sines[second];
        }
    }

    /// <summary>Turns a head in place.</summary>
    /// <param name="head">The head, at least the rotated dimensions.</param>
    /// <param name="cosines">From <see cref="Angles"/>.</param>
    /// <param name="sines">From <see cref="Angles"/>.</param>
    public void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        if (_pairing == RotaryPairing.Interleaved)
        {
            RotateNeighbours(head, cosines, sines);
        }
        else
        {
            RotateHalves(head[..cosines.Length], cosines, sines);
        }
    }

    private static void RotateNeighbours(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
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

    private static void RotateHalves(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        int half = head.Length / 2, i = 0;
        for (; i + Vector256<float>.Count <= half; i += Vector256<float>.Count)
        {
            Vector256<float> x = Vector256.Create<float>(head[i..]), y = Vector256.Create<float>(head[(half + i)..]);
            Vector256<float> cosine = Vector256.Create(cosines[i..]), sine = Vector256.Create(sines[(half + i)..]);
            (x * cosine - y * sine).CopyTo(head[i..]);
            (y * cosine + x * sine).CopyTo(head[(half + i)..]);
        }
        for (; i < half; i++)
        {
            (float x, float y) = (head[i], head[half + i]);
            head[i] = x * cosines[i] + y * sines[i];
            head[half + i] = y * cosines[half + i] + x * sines[half + i];
        }
    }
}

/// <summary>What a model's metadata say about its rotary embedding.</summary>
/// <param name="Base">Base θ, above 1.</param>
/// <param name="Dimensions">Rotated elements of a head, even.</param>
/// <param name="Pairing">Which elements turn together.</param>
/// <param name="TrainedContext">Longest context of the training, in tokens.</param>
public sealed record RotarySettings(double Base, int Dimensions, RotaryPairing Pairing, int TrainedContext);
