namespace Prescore.Attention;

/// <summary>A method spec that cannot be understood; the message says what and where and names the nearest known name.</summary>
public sealed class MethodSpecException(string message) : ArgumentException(message)
{
    /// <summary>An exception for an unknown name, with the nearest known one.</summary>
    /// <param name="what">What kind of name it is, such as "method".</param>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">All known names.</param>
    public static MethodSpecException Unknown(string what, string name, ReadOnlySpan<string> known)
    {
        string nearest = "";
        int best = int.MaxValue;
        foreach (string candidate in known)
        {
            int distance = EditDistance(name, candidate);
            if (distance < best)
            {
                (best, nearest) = (distance, candidate);
            }
        }
        string hint = nearest.Length > 0 && best <= Math.Max(2, nearest.Length / 2) ? $"; did you mean '{nearest}'?" : "";
        return new MethodSpecException($"unknown {what} '{name}'{hint} (known: {string.Join(", ", known.ToArray())})");
    }

    private static int EditDistance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
