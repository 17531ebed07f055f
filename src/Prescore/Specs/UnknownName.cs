namespace Prescore.Specs;

/// <summary>Messages for a name that is not among the known ones.</summary>
public static class UnknownName
{
    /// <summary>
    /// One line: <c>unknown method 'windw'; did you mean 'window'? (known: exact, window)</c>. The nearest name is left
    /// out where none is near.
    /// </summary>
    /// <param name="what">What kind of name it is, such as "method".</param>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">All known names.</param>
    public static string Describe(string what, string name, ReadOnlySpan<string> known)
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
        return $"unknown {what} '{name}'{hint} (known: {string.Join(", ", known.ToArray())})";
    }

    /// <summary>Levenshtein distance.</summary>
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
