namespace Prescore.Models.Layers;

/// <summary>Runs the row-wise steps of a layer (norm, rotation, activation) on a bounded number of threads.</summary>
internal static class ParallelRows
{
    /// <summary>Below this a row-wise step is over before another thread has started.</summary>
    private const int FewestRows = 16;

    /// <summary>Calls <paramref name="body"/> for rows 0 … rows − 1, each exactly once.</summary>
    public static void Run(int rows, int threads, Action<int> body)
    {
        if (threads == 1 || rows < FewestRows)
        {
            for (int row = 0; row < rows; row++)
            {
                body(row);
            }
            return;
        }
        Parallel.For(0, rows, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
    }
}
