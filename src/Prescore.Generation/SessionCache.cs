using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Prescore.Models.Formats;
using Prescore.Models.Inference;

namespace Prescore.Generation;

/// <summary>
/// Sequences in a folder, so that a prompt's beginning that was computed once is not computed again by a later process. A
/// file's name is a hash of all that its content depends on; the least recently used ones go when the folder grows beyond
/// its limit. The folder holds texts of the user: nobody else may read it.
/// </summary>
/// <param name="folder">The folder; created when the first file is kept.</param>
/// <param name="limit">Most bytes of all files together.</param>
public sealed class SessionCache(string folder, long limit)
{
    /// <summary>Bytes of all files together, where nothing else is said.</summary>
    public const long DefaultLimit = 8L << 30;

    private const string Extension = ".session";

    /// <summary>A process that was killed while it wrote leaves a temporary file, which is of no use after this.</summary>
    private static readonly TimeSpan TemporaryLife = TimeSpan.FromDays(1);

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>Where a session's first tokens are, or would be.</summary>
    public string PathOf(PromptSession session, ReadOnlySpan<int> tokens)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(SessionFile.IdentityOf(session.Inner)));
        hash.AppendData(MemoryMarshal.AsBytes(tokens));
        return Path.Combine(folder, Convert.ToHexStringLower(hash.GetHashAndReset())[..32] + Extension);
    }

    /// <summary>Makes a sequence one of some tokens if it was kept.</summary>
    /// <param name="session">The sequence; unchanged where nothing was kept.</param>
    /// <param name="tokens">The tokens.</param>
    /// <returns>Whether it was kept.</returns>
    /// <exception cref="ModelFormatException">The file is damaged or holds something else; it is removed, and the sequence is unchanged.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public bool Restore(PromptSession session, ReadOnlySpan<int> tokens)
    {
        string path = PathOf(session, tokens);
        if (!File.Exists(path))
        {
            return false;
        }
        try
        {
            session.Load(path, tokens);
        }
        catch (ModelFormatException)
        {
            File.Delete(path);
            throw;
        }
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        return true;
    }

    /// <summary>Keeps all tokens of a sequence, and removes what was not used for longest where that is too much.</summary>
    /// <returns>Bytes of its file; null where that alone is beyond the limit.</returns>
    /// <exception cref="SessionNotSavableException">The method's caches cannot be saved.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written to.</exception>
    public long? Keep(PromptSession session)
    {
        CreateFolder();
        string path = PathOf(session, session.Tokens.ToArray());
        SessionFile.Save(session.Inner, path);
        long bytes = new FileInfo(path).Length;
        if (bytes > limit)
        {
            File.Delete(path);
            return null;
        }
        Clean(path, bytes);
        return bytes;
    }

    private void CreateFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private void Clean(string newest, long bytes)
    {
        FileInfo[] files = new DirectoryInfo(folder).GetFiles();
        foreach (FileInfo file in files.Where(file => file.Extension != Extension && file.LastWriteTimeUtc < DateTime.UtcNow - TemporaryLife))
        {
            Remove(file);
        }
        foreach (FileInfo file in files
            .Where(file => file.Extension == Extension && file.FullName != Path.GetFullPath(newest)).OrderByDescending(file => file.LastWriteTimeUtc))
        {
            bytes += file.Length;
            if (bytes > limit)
            {
                Remove(file);
            }
        }
    }

    /// <summary>Another process may have removed it, or be reading it where that forbids it.</summary>
    private static void Remove(FileInfo file)
    {
        try
        {
            file.Delete();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }
}
