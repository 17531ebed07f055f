using System.Text.Json.Serialization;
using Prescore.Numerics;

namespace Prescore.Experiments.Planted;

/// <summary>
/// The planted-subspace model: n keys of size d, of which for each of r directions a few are signal, α·u plus noise, and all
/// others noise alone. A scorer recovers the plant when its top keys are just the signal keys. The fields below
/// <see cref="Noise"/> break its assumptions, one at a time. See <c>docs/planted.md</c>.
/// </summary>
public sealed record PlantedModel
{
    private const int DirectionStream = 201;
    private const int NoiseStream = 202;
    private const int PlaceStream = 203;
    private const int NormStream = 204;

    // Base of the rotary embedding.
    private const double RotaryBase = 10_000;

    /// <summary>Number n of keys.</summary>
    public required int Keys { get; init; }

    /// <summary>Size d of a key; even where <see cref="Rotary"/>.</summary>
    public required int Dimension { get; init; }

    /// <summary>Number r of directions; 0 means d, the most there can be.</summary>
    public int Directions { get => field == 0 ? Dimension : field; init; }

    /// <summary>Signal keys m a direction.</summary>
    public int KeysPerDirection { get; init; } = 8;

    /// <summary>Norm α of a signal, at least 0.</summary>
    public required double Signal { get; init; }

    /// <summary>Standard deviation σ of the noise in every coordinate.</summary>
    public double Noise { get; init; } = 1;

    /// <summary>Cosine between any two directions, at least 0 and below 1; 0: orthonormal.</summary>
    public double Overlap { get; init; }

    /// <summary>Spread of norms: all keys are multiplied by e^(spread · g), g standard normal.</summary>
    public double NormSpread { get; init; }

    /// <summary>Whether the keys are turned by their positions as a rotary embedding does.</summary>
    public bool Rotary { get; init; }

    /// <summary>Keys s that a scorer selects; 0 means as many as there are signal keys.</summary>
    public int Selected { get => field == 0 ? SignalKeys : field; init; }

    /// <summary>Clusters k of the clustering scorers; null: min(d + 1, ⌊s/2⌋).</summary>
    public int? Clusters { get; init; }

    /// <summary>Number of signal keys.</summary>
    [JsonIgnore]
    public int SignalKeys => Directions * KeysPerDirection;

    /// <summary>
    /// The norm of a signal from which on leverage must recover all signal keys with probability near 1 (derived in
    /// <c>docs/planted.md</c>): (α − σ·√(2 ln rm))² = σ²·T·n ÷ (n − mT) with T = d + 2·√(d ln n) + 2 ln n, the largest
    /// squared norm in n noise keys. Infinite where n ≤ mT: the signal keys of a direction then share too much of its leverage.
    /// </summary>
    [JsonIgnore]
    public double Boundary
    {
        get
        {
            double largest = Dimension + 2 * Math.Sqrt(Dimension * Math.Log(Keys)) + 2 * Math.Log(Keys);
            double left = Keys - KeysPerDirection * largest;
            return left <= 0
                ? double.PositiveInfinity
                : Noise * (Math.Sqrt(2 * Math.Log(SignalKeys)) + Math.Sqrt(largest * Keys / left));
        }
    }

    /// <summary>
    /// The norm from which on clustering must recover them too: k-means++ then wastes a seed on noise in one draw of a hundred,
    /// as n·σ²·d·H_r ÷ (m·α²) ≤ 1/100 with the r-th harmonic number H_r. (A direction without a seed shares a cluster with
    /// noise keys, which then look as far from its centre as the signal keys do.)
    /// </summary>
    [JsonIgnore]
    public double ClusteringBoundary => Math.Max(
        Boundary, 10 * Noise * Math.Sqrt((double)Keys * Dimension * Enumerable.Range(1, Directions).Sum(j => 1.0 / j) / KeysPerDirection));

    /// <summary>The same with every size written out that follows from the others, so that equal models compare equal.</summary>
    internal PlantedModel WrittenOut => this with { Directions = Directions, Selected = Selected };

    /// <summary>Draws the keys of a seed.</summary>
    /// <param name="seed">Seed.</param>
    /// <param name="signal">Receives the positions of the signal keys, ascending.</param>
    /// <returns>Keys [n, d], dense.</returns>
    public float[] Draw(ulong seed, out int[] signal)
    {
        double[][] directions = DrawDirections(seed);
        int[] places = DrawPlaces(seed);
        var keys = new float[Keys * Dimension];
        for (int place = 0; place < Keys; place++)
        {
            for (int i = 0; i < Dimension; i++)
            {
                keys[place * Dimension + i] = (float)(Noise * CounterRandom.Gaussian(CounterRandom.Hash(seed, 0, i, place, NoiseStream)));
            }
        }
        for (int i = 0; i < places.Length; i++)
        {
            double[] direction = directions[i / KeysPerDirection];
            for (int c = 0; c < Dimension; c++)
            {
                keys[places[i] * Dimension + c] += (float)(Signal * direction[c]);
            }
        }
        Disturb(seed, keys);
        signal = [.. places.Order()];
        return keys;
    }

    /// <summary>Random orthonormal directions by Gram and Schmidt, then leant towards the first.</summary>
    private double[][] DrawDirections(ulong seed)
    {
        var directions = new double[Directions][];
        for (int j = 0; j < Directions; j++)
        {
            double[] direction = [.. Enumerable.Range(0, Dimension).Select(i => CounterRandom.Gaussian(CounterRandom.Hash(seed, j, i, 0, DirectionStream)))];
            foreach (double[] earlier in directions[..j])
            {
                double along = Dot(direction, earlier);
                direction = [.. direction.Zip(earlier, (a, b) => a - along * b)];
            }
            directions[j] = Scaled(direction, 1 / Math.Sqrt(Dot(direction, direction)));
        }
        if (Overlap == 0)
        {
            return directions;
        }
        // e_j plus a common part of every e has cosine Overlap with the others.
        double common = (Math.Sqrt(1 + Directions * Overlap / (1 - Overlap)) - 1) / Directions;
        double[] sum = [.. Enumerable.Range(0, Dimension).Select(i => directions.Sum(direction => direction[i]))];
        return [.. directions.Select(direction =>
        {
            double[] leant = [.. direction.Zip(sum, (a, b) => a + common * b)];
            return Scaled(leant, 1 / Math.Sqrt(Dot(leant, leant)));
        })];
    }

    private int[] DrawPlaces(ulong seed)
    {
        int[] places = [.. Enumerable.Range(0, Keys)];
        ulong[] order = [.. places.Select(place => CounterRandom.Hash(seed, 0, 0, place, PlaceStream))];
        Array.Sort(order, places);
        return places[..SignalKeys];
    }

    private void Disturb(ulong seed, float[] keys)
    {
        if (NormSpread == 0 && !Rotary)
        {
            return;
        }
        for (int place = 0; place < Keys; place++)
        {
            Span<float> key = keys.AsSpan(place * Dimension, Dimension);
            double factor = Math.Exp(NormSpread * CounterRandom.Gaussian(CounterRandom.Hash(seed, 0, 0, place, NormStream)));
            for (int i = 0; i < Dimension / 2; i++)
            {
                double angle = Rotary ? place * Math.Pow(RotaryBase, -2.0 * i / Dimension) : 0;
                (double sine, double cosine) = Math.SinCos(angle);
                (float x, float y) = (key[i], key[i + Dimension / 2]);
                key[i] = (float)(factor * (x * cosine - y * sine));
                key[i + Dimension / 2] = (float)(factor * (x * sine + y * cosine));
            }
            if (Dimension % 2 == 1)
            {
                key[^1] = (float)(factor * key[^1]);
            }
        }
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double[] Scaled(double[] vector, double factor) => [.. vector.Select(x => x * factor)];
}
