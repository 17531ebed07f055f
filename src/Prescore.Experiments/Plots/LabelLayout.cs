namespace Prescore.Experiments.Plots;

/// <summary>Places the labels of points so that they do not cover each other.</summary>
internal static class LabelLayout
{
    /// <summary>A height for the label of each point: the point's own, or just above the labels in the way.</summary>
    /// <param name="points">Points in axis units.</param>
    /// <param name="width">Room a label takes to the right, axis units.</param>
    /// <param name="height">Room a label takes upwards, axis units.</param>
    public static double[] Heights(IReadOnlyList<(double X, double Y)> points, double width, double height)
    {
        var heights = new double[points.Count];
        var placed = new List<int>();
        foreach (int i in Enumerable.Range(0, points.Count).OrderBy(i => points[i].Y))
        {
            double y = points[i].Y;
            foreach (int other in placed.Where(other => Math.Abs(points[other].X - points[i].X) < width))
            {
                y = Math.Max(y, heights[other] + height);
            }
            heights[i] = y;
            placed.Add(i);
        }
        return heights;
    }
}
