using System.Text.RegularExpressions;

namespace Prescore.Models.Hub;

/// <summary>Names of the parts of a model: NAME-00001-of-00003.gguf.</summary>
internal static partial class SplitName
{
    /// <summary>What the names of all parts of one model have in common; of a whole file its name.</summary>
    public static string Stem(string name) => Part().Replace(name, "-of-$1.");

    [GeneratedRegex(@"-\d{5}-of-(\d{5})\.")]
    private static partial Regex Part();
}
