using System.Security.Cryptography;
using Prescore.Models.Formats;

namespace Prescore.Experiments;

/// <summary>Which file a result comes from: its name without folders, and the hash of its bytes.</summary>
/// <param name="File">File name.</param>
/// <param name="Sha256">SHA-256 of the contents, lower-case hexadecimal; null for a pipe that was too long to be read to its end.</param>
public sealed record FileIdentity(string File, string? Sha256)
{
    /// <summary>Reads and hashes a regular file, streamed.</summary>
    public static FileIdentity Of(string path)
    {
        using FileStream stream = System.IO.File.OpenRead(path);
        return new FileIdentity(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>What was read as a text, hashed as it was read; the rest is read for it.</summary>
    public static FileIdentity Of(TextInput text) => new(text.Name, text.Sha256());
}
