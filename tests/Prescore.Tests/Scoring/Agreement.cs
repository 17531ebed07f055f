namespace Prescore.Tests.Scoring;

/// <summary>Comparison of arrays with a reference.</summary>
internal static class Agreement
{
    /// <summary>Every element within a tolerance relative to the reference's largest magnitude.</summary>
    public static void ShouldMatch(this double[] actual, double[] expected, double tolerance)
    {
        actual.Length.ShouldBe(expected.Length);
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < actual.Length; i++)
        {
            actual[i].ShouldBe(expected[i], tolerance * scale, $"element {i}");
        }
    }

    /// <summary>Every element within a tolerance relative to that element.</summary>
    public static void ShouldMatchEach(this double[] actual, double[] expected, double tolerance)
    {
        actual.Length.ShouldBe(expected.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            actual[i].ShouldBe(expected[i], tolerance * Math.Abs(expected[i]), $"element {i}");
        }
    }

    /// <summary>
    /// The same set, save for members whose reference scores lie within a relative tolerance of the lowest selected one.
    /// </summary>
    public static void ShouldSelect(this int[] actual, int[] expected, double[] reference, double tolerance)
    {
        actual.Length.ShouldBe(expected.Length);
        double threshold = expected.Min(i => reference[i]);
        foreach (int index in actual.Except(expected).Concat(expected.Except(actual)))
        {
            reference[index].ShouldBe(threshold, tolerance * threshold, $"key {index}");
        }
    }

    public static double[] ToDoubles(this IEnumerable<float> values) => [.. values.Select(value => (double)value)];
}
