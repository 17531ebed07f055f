namespace Prescore.Numerics;

/// <summary>Evenly spaced members of a sequence: ⌊i·total/count⌋ for i = 0 … count − 1.</summary>
public static class EvenSpacing
{
    /// <summary>The <paramref name="i"/>-th of <paramref name="count"/> evenly spaced indices below <paramref name="total"/>.</summary>
    /// <param name="i">0 … count − 1.</param>
    /// <param name="count">How many indices, 1 … total.</param>
    /// <param name="total">Length of the sequence.</param>
    public static int Index(int i, int count, int total) => (int)((long)i * total / count);
}
