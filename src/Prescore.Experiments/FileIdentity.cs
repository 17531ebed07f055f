using Prescore.Models.Families;
using Prescore.Models.Formats;

namespace Prescore.Experiments;

/// <summary>Which file a result comes from: its name without folders, and the hash of its bytes.</summary>
/// <param name="File">File name.</param>
/// <param name="Sha256">SHA-256 of the contents, lower-case hexadecimal; null for a pipe that was too long to be read to its end.</param>
public sealed record FileIdentity(string File, string? Sha256)
{
    /// <summary>Reads and hashes a regular file, or a model's folder, streamed.</summary>
    public static FileIdentity Of(string path) => new(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), ModelHash.Of(path));

    /// <summary>What was read as a text, hashed as it was read; the rest is read for it.</summary>
    public static FileIdentity Of(TextInput text) => new(text.Name, text.Sha256());
}
