namespace Prescore.Attention.Clustered;

/// <summary>The numbers p of clusters a query may be routed to.</summary>
public static class EffortLadder
{
    /// <summary>Routing to all clusters: exact.</summary>
    public const int Exact = int.MaxValue;

    /// <summary>The steps below exact, ascending.</summary>
    public static ReadOnlySpan<int> Steps =>
        [0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512];

    /// <summary>How many steps are at most <paramref name="largest"/>.</summary>
    internal static int Count(int largest)
    {
        int count = 0;
        while (count < Steps.Length && Steps[count] <= largest)
        {
            count++;
        }
        return count;
    }
}
