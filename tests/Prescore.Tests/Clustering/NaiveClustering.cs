namespace Prescore.Tests.Clustering;

/// <summary>Textbook clustering in double precision: the oracle of the fast one.</summary>
internal static class NaiveClustering
{
    /// <summary>Result of alternating assignment and update; the history holds the objective at each assignment.</summary>
    public sealed record Result(double[][] Centres, int[] Labels, double[] History);

    /// <summary>Assigns and moves up to <paramref name="moves"/> times, assigns once more, and stops when labels repeat.</summary>
    public static Result Lloyd(double[][] points, double[][] start, int moves, Func<double[][], double[], double[]> middle, double power)
    {
        double[][] centres = start;
        int[] labels = [];
        var history = new List<double>();
        for (int move = 0; ; move++)
        {
            (int[] next, double objective) = Assign(points, centres, power);
            history.Add(objective);
            bool repeats = next.AsSpan().SequenceEqual(labels);
            labels = next;
            if (repeats || move == moves)
            {
                return new Result(centres, labels, [.. history]);
            }
            centres = [.. centres.Select((centre, c) => middle([.. points.Where((_, i) => labels[i] == c)], centre))];
        }
    }

    public static double[] Mean(double[][] members, double[] before) =>
        members.Length == 0 ? before : [.. before.Select((_, l) => members.Average(member => member[l]))];

    /// <summary>Nearest centre of every point, ties to the lower, and Σ distance^power.</summary>
    public static (int[] Labels, double Objective) Assign(double[][] points, double[][] centres, double power)
    {
        var labels = new int[points.Length];
        double objective = 0;
        for (int i = 0; i < points.Length; i++)
        {
            double[] distances = [.. centres.Select(centre => Distance(points[i], centre))];
            labels[i] = Array.IndexOf(distances, distances.Min());
            objective += Math.Pow(distances[labels[i]], power);
        }
        return (labels, objective);
    }

    /// <summary>The member with the least sum of distances to the members, ties to the lower index.</summary>
    public static int Medoid(double[][] points, int[] members)
    {
        double[] sums = [.. members.Select(i => members.Sum(j => Distance(points[i], points[j])))];
        return members[Array.IndexOf(sums, sums.Min())];
    }

    public static double Distance(double[] x, double[] y)
    {
        double squared = 0;
        for (int l = 0; l < x.Length; l++)
        {
            squared += (x[l] - y[l]) * (x[l] - y[l]);
        }
        return Math.Sqrt(squared);
    }

    public static double[][] Rows(IEnumerable<float> values, int dimension) => [.. values.Select(value => (double)value).Chunk(dimension)];

    public static double[] Flat(double[][] rows) => [.. rows.SelectMany(row => row)];
}
