using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Landmarks by farthest-point traversal (Gonzalez, 1985): from a random key on, always the key farthest from all landmarks.</summary>
internal static class FarthestLandmarks
{
    public static int[] Choose(in KeyMatrix keys, int count, in ScoringContext context, out long products)
    {
        var nearest = new float[keys.Count];
        Array.Fill(nearest, float.PositiveInfinity);
        var chosen = new List<int>(count);
        int next = (int)(context.Origin.Uniform(RandomStream.Seeding, 0) * keys.Count);
        while (chosen.Count < count && nearest[next] > 0)
        {
            chosen.Add(next);
            ReadOnlySpan<float> landmark = keys[next];
            nearest[next] = 0;
            for (int i = 0; i < nearest.Length; i++)
            {
                nearest[i] = Math.Min(nearest[i], ShortVectors.SquaredDistance(keys[i], landmark));
                if (nearest[i] > nearest[next])
                {
                    next = i;
                }
            }
        }
        products = (long)keys.Count * chosen.Count;
        return [.. chosen];
    }
}
