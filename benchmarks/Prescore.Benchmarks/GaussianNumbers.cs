namespace Prescore.Benchmarks;

/// <summary>Standard normal numbers for kernels whose time does not depend on the data.</summary>
internal static class GaussianNumbers
{
    public static float[] Draw(int seed, int count)
    {
        var random = new Random(seed);
        var numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            // Box and Muller's transform; 1 − u keeps the logarithm's argument above 0.
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            numbers[i] = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        return numbers;
    }
}
