using System.Text.Json;
using System.Text.RegularExpressions;

namespace Prescore.Models.Hub;

/// <summary>A file of a repository: its name with folders, and what its content must be.</summary>
/// <param name="Name">Path inside the repository, with slashes.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">SHA-256 of the content in hexadecimal, of files in large-file storage; else null.</param>
/// <param name="GitHash">Git's SHA-1 of the content as a blob, of all others.</param>
public sealed partial record HubFile(string Name, long Size, string? Sha256, string? GitHash)
{
    /// <summary>Reads the list of files in the hub's description of a repository.</summary>
    /// <returns>The commit that the list is of, and the files.</returns>
    /// <exception cref="HubException">The description has another form, or a name that leaves the repository.</exception>
    internal static (string Commit, HubFile[] Files) ReadList(string repository, byte[] json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            string commit = document.RootElement.GetProperty("sha").GetString() ?? "";
            HubFile[] files = [.. document.RootElement.GetProperty("siblings").EnumerateArray().Select(Read)];
            return Hexadecimal().IsMatch(commit) ? (commit, files) : throw new HubException($"{repository}: the hub names no commit");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new HubException($"{repository}: the hub's list of files cannot be read ({error.Message.ReplaceLineEndings(" ")})", error);
        }
    }

    private static HubFile Read(JsonElement entry)
    {
        string name = entry.GetProperty("rfilename").GetString() ?? "";
        if (!SafeName().IsMatch(name) || name.Split('/').Any(part => part.Trim('.', ' ').Length == 0 || part.EndsWith('.') || part.EndsWith(' ')))
        {
            throw new HubException($"the hub lists a file '{JsonEncodedText.Encode(name)}', which is no safe name");
        }
        bool isLarge = entry.TryGetProperty("lfs", out JsonElement large) && large.ValueKind == JsonValueKind.Object;
        long size = (isLarge ? large : entry).GetProperty("size").GetInt64();
        return size < 0 ? throw new HubException($"the hub says that '{name}' has {size} bytes") : new HubFile(
            name,
            size,
            isLarge ? large.GetProperty("sha256").GetString() : null,
            entry.TryGetProperty("blobId", out JsonElement blob) ? blob.GetString() : null);
    }

    [GeneratedRegex("^[^\\\\:*?\"<>|\\x00-\\x1F]+$")]
    private static partial Regex SafeName();

    [GeneratedRegex("^[0-9a-f]{40}$")]
    private static partial Regex Hexadecimal();
}
