namespace Prescore.Experiments;

/// <summary>Short names of methods for tables, plots and JSON.</summary>
public static class MethodNames
{
    /// <summary>
    /// A name for each spec: the method and its options that are words (<c>prescored kmeans hyper</c>); where two
    /// specs would share one, the numbers too (<c>window w=512</c>).
    /// </summary>
    /// <param name="specs">Distinct specs.</param>
    public static string[] Of(IReadOnlyList<string> specs)
    {
        string[] names = [.. specs.Select(Words)];
        return
        [
            .. names.Select((name, i) => names.Count(other => other == name) == 1 ? name : Everything(specs[i])),
        ];
    }

    private static string Words(string spec)
    {
        (string method, string[] options) = Split(spec);
        IEnumerable<string> words = options
            .Select(option => option[(option.IndexOf('=') + 1)..])
            .Where(value => value.Length > 0 && !char.IsAsciiDigit(value[0]) && value[0] != '.');
        return string.Join(' ', [method, .. words]);
    }

    private static string Everything(string spec)
    {
        (string method, string[] options) = Split(spec);
        return string.Join(' ', [method, .. options]);
    }

    private static (string Method, string[] Options) Split(string spec)
    {
        int colon = spec.IndexOf(':');
        return colon < 0
            ? (spec.Trim(), [])
            : (spec[..colon].Trim(), spec[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }
}
