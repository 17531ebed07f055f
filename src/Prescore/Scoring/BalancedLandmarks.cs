using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Landmarks that stand for equally many keys each, so that a softmax over them alone weighs the parts of the key space as
/// the softmax over all keys does: keys are halved along the direction in which they vary most until there are as many cells
/// as landmarks, and of each cell the key nearest to its mean is taken.
/// </summary>
internal static class BalancedLandmarks
{
    /// <summary>Steps of the power iteration: any direction of large variance does.</summary>
    private const int PowerSteps = 4;

    public static int[] Choose(in KeyMatrix keys, int count, in ScoringContext context, out long products)
    {
        var rows = new int[keys.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = i;
        }
        var chosen = new List<int>(count);
        products = 0;
        Split(keys, rows, count, chosen, ref products);
        return [.. chosen];
    }

    /// <summary>Chooses <paramref name="count"/> landmarks of some rows; reorders them.</summary>
    private static void Split(in KeyMatrix keys, Span<int> rows, int count, List<int> chosen, ref long products)
    {
        double[] mean = Mean(keys, rows);
        if (count == 1)
        {
            chosen.Add(NearestToMean(keys, rows, mean));
            products += rows.Length;
            return;
        }
        var along = new float[rows.Length];
        Project(keys, rows, mean, along, ref products);
        along.AsSpan().Sort(rows);
        int first = count / 2;
        int cut = (int)((long)rows.Length * first / count);
        Split(keys, rows[..cut], first, chosen, ref products);
        Split(keys, rows[cut..], count - first, chosen, ref products);
    }

    /// <summary>Component of every row along an approximate first principal direction.</summary>
    private static void Project(in KeyMatrix keys, ReadOnlySpan<int> rows, double[] mean, Span<float> along, ref long products)
    {
        float[] centre = [.. mean.Select(x => (float)x)];
        float[] direction = Farthest(keys, rows, centre);
        var next = new float[direction.Length];
        for (int step = 0; step < PowerSteps; step++)
        {
            float offset = ShortVectors.Dot(direction, centre);
            Array.Clear(next);
            for (int i = 0; i < rows.Length; i++)
            {
                ReadOnlySpan<float> key = keys[rows[i]];
                along[i] = ShortVectors.Dot(key, direction) - offset;
                for (int l = 0; l < next.Length && step + 1 < PowerSteps; l++)
                {
                    next[l] += along[i] * (key[l] - centre[l]);
                }
            }
            products += rows.Length;
            float norm = MathF.Sqrt(ShortVectors.SumOfSquares(next));
            if (!float.IsNormal(norm))
            {
                continue;
            }
            for (int l = 0; l < next.Length; l++)
            {
                direction[l] = next[l] / norm;
            }
        }
    }

    /// <summary>From the mean to the row farthest from it: where the iteration starts.</summary>
    private static float[] Farthest(in KeyMatrix keys, ReadOnlySpan<int> rows, float[] centre)
    {
        int farthest = rows[0];
        float longest = -1;
        foreach (int row in rows)
        {
            float distance = ShortVectors.SquaredDistance(keys[row], centre);
            if (distance > longest)
            {
                (farthest, longest) = (row, distance);
            }
        }
        var direction = new float[centre.Length];
        for (int l = 0; l < direction.Length; l++)
        {
            direction[l] = keys[farthest][l] - centre[l];
        }
        return direction;
    }

    private static double[] Mean(in KeyMatrix keys, ReadOnlySpan<int> rows)
    {
        var sum = new double[keys.Dimension];
        foreach (int row in rows)
        {
            ShortVectors.AddTo(keys[row], sum);
        }
        for (int l = 0; l < sum.Length; l++)
        {
            sum[l] /= rows.Length;
        }
        return sum;
    }

    private static int NearestToMean(in KeyMatrix keys, ReadOnlySpan<int> rows, double[] mean)
    {
        int nearest = rows[0];
        double least = double.PositiveInfinity;
        foreach (int row in rows)
        {
            double distance = 0;
            ReadOnlySpan<float> key = keys[row];
            for (int l = 0; l < mean.Length; l++)
            {
                distance += (key[l] - mean[l]) * (key[l] - mean[l]);
            }
            if (distance < least || (distance == least && row < nearest))
            {
                (nearest, least) = (row, distance);
            }
        }
        return nearest;
    }
}
