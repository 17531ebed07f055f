using System.Globalization;

namespace Prescore.Experiments.Vision;

/// <summary>A way to spend a number of keys, CLS among them.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Template">Method; {s} stands for the number of keys, {s-1} for one less, {q} and {r} for a quarter of them and the rest without CLS, {b} for their share of all tokens.</param>
public sealed record VisionForm(string Name, string Template)
{
    /// <summary>Representatives, Clustered, and every scorer's top s without and with CLS protected.</summary>
    public static IEnumerable<VisionForm> Standard(IEnumerable<string> scorers) =>
    [
        new("coreset", "coreset:s={s}"),
        new("coreset, CLS kept", "coreset:s={s-1},protect=1"),
        new("clustered", "clustered:budget={b}"),
        .. scorers.SelectMany(scorer => new VisionForm[]
        {
            new($"{scorer}", $"prescored:scorer={scorer},s={{s}}"),
            new($"{scorer}, CLS kept", $"prescored:scorer={scorer},s={{s-1}},protect=1"),
            new($"{scorer} + coreset, CLS kept", $"prescored:scorer={scorer},s={{q}},protect=1,rest=coreset,reps={{r}}"),
        }),
    ];

    /// <summary>The method's spec.</summary>
    /// <param name="keys">Keys a query may compute, at least 4.</param>
    /// <param name="tokens">Tokens of an image.</param>
    public string Spec(int keys, int tokens)
    {
        string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
        int quarter = keys / 4;
        return Template
            .Replace("{s}", Number(keys), StringComparison.Ordinal)
            .Replace("{s-1}", Number(keys - 1), StringComparison.Ordinal)
            .Replace("{q}", Number(quarter), StringComparison.Ordinal)
            .Replace("{r}", Number(keys - 1 - quarter), StringComparison.Ordinal)
            .Replace("{b}", Math.Min(1, Math.Floor(1e4 * keys / tokens) / 1e4).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }
}
