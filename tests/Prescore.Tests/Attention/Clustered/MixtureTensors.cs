using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>Inputs whose keys lie in clusters that the queries look for, as far as heads of real models do.</summary>
internal static class MixtureTensors
{
    /// <summary>Keys around a few centres a head; every query is near one of them.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="causal">Whether the call is causal.</param>
    /// <param name="seed">Seed of all numbers.</param>
    /// <param name="sharpness">Length of the centres: how much a query prefers its own.</param>
    public static AttentionTensors Create(AttentionShape shape, bool causal = true, int seed = 1, double sharpness = 2)
    {
        var tensors = new AttentionTensors(shape, causal, seed);
        int d = shape.HeadDimension;
        var random = new Random(seed + 1000);
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                float[][] centres = [.. Enumerable.Range(0, 12).Select(_ => Direction(random, d, sharpness))];
                int keyRow = (batch * shape.KeyValueHeads + head) * shape.Keys;
                Pull(tensors.Keys.AsSpan(keyRow * d, shape.Keys * d), centres, random);
                int queryRow = (batch * shape.QueryHeads + head * shape.GroupSize) * shape.Queries;
                Pull(tensors.Queries.AsSpan(queryRow * d, shape.GroupSize * shape.Queries * d), centres, random);
            }
        }
        return tensors;
    }

    private static void Pull(Span<float> rows, float[][] centres, Random random)
    {
        int d = centres[0].Length;
        for (int start = 0; start < rows.Length; start += d)
        {
            float[] centre = centres[random.Next(centres.Length)];
            for (int l = 0; l < d; l++)
            {
                rows[start + l] = 0.5f * rows[start + l] + centre[l];
            }
        }
    }

    private static float[] Direction(Random random, int d, double length)
    {
        double[] x = [.. Enumerable.Range(0, d).Select(_ => random.NextDouble() * 2 - 1)];
        double norm = Math.Sqrt(x.Sum(v => v * v));
        return [.. x.Select(v => (float)(v / norm * length * Math.Sqrt(Math.Sqrt(d))))];
    }
}
