using System.Text.RegularExpressions;

namespace Prescore.Models.Hub;

/// <summary>The name of a model on the hub: <c>OWNER/NAME</c>, or <c>OWNER/NAME:FILE</c> for one file of it.</summary>
/// <param name="Repository">Owner and name.</param>
/// <param name="File">A file of the repository, or null.</param>
public sealed partial record ModelName(string Repository, string? File)
{
    /// <summary>Parses a name; null where it has another form.</summary>
    public static ModelName? TryParse(string text)
    {
        Match match = Form().Match(text);
        return match.Success && !text.Contains("..", StringComparison.Ordinal)
            ? new ModelName(match.Groups[1].Value, match.Groups[2].Success ? match.Groups[2].Value : null)
            : null;
    }

    /// <inheritdoc/>
    public override string ToString() => File is null ? Repository : $"{Repository}:{File}";

    [GeneratedRegex("^([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)(?::([^:\\\\]+))?$")]
    private static partial Regex Form();
}
