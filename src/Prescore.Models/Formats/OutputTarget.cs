using System.Text.RegularExpressions;
using Prescore.Memory;

namespace Prescore.Models.Formats;

/// <summary>Where an output goes: the file behind all symbolic links, or a pipe, a device or an open descriptor.</summary>
/// <param name="Path">Full path of what is written, links followed.</param>
/// <param name="Entry">What stands there now.</param>
/// <param name="IsDescriptor">Whether it is one of the process's own open files, such as <c>/dev/stdout</c>.</param>
public sealed partial record OutputTarget(string Path, FileEntry Entry, bool IsDescriptor)
{
    private const int MostLinks = 40;

    /// <summary>Whether the output is a file of its own, which a complete new one may replace.</summary>
    public bool IsFile => !IsDescriptor && Entry.Kind is FileKind.Missing or FileKind.Regular;

    /// <summary>Looks up where an output goes.</summary>
    /// <exception cref="IOException">The path is empty, too long, or a ring of links.</exception>
    public static OutputTarget Find(string path)
    {
        FileEntry entry = FileEntry.Of(path);
        string at = System.IO.Path.GetFullPath(path);
        for (int links = 0; links < MostLinks; links++)
        {
            if (Descriptor().IsMatch(at))
            {
                return new OutputTarget(at, entry, IsDescriptor: true);
            }
            if (new FileInfo(at).LinkTarget is not string link)
            {
                break;
            }
            at = System.IO.Path.GetFullPath(link, Folder(at));
        }
        return new OutputTarget(at, entry, IsDescriptor: false);
    }

    /// <summary>
    /// The same for two outputs that would write one file. Two missing files are one where their names are equal, in a
    /// folder that does not tell capitals from small letters also where they differ in these.
    /// </summary>
    /// <exception cref="IOException">The folder is missing.</exception>
    public string Identity()
    {
        if (Entry.Kind != FileKind.Missing)
        {
            return Entry.Identity;
        }
        string folder = Folder(Path), name = System.IO.Path.GetFileName(Path);
        using FileStream probe = Temporary(folder, UnixFileMode.None, FileOptions.DeleteOnClose);
        bool ignoresCase = File.Exists(System.IO.Path.Combine(folder, System.IO.Path.GetFileName(probe.Name).ToUpperInvariant()));
        return $"{FileEntry.Of(folder).Identity}/{(ignoresCase ? name.ToUpperInvariant() : name)}";
    }

    /// <summary>Finds out, before any work, that the output could not be written; leaves no trace.</summary>
    /// <exception cref="IOException">It could not, and why.</exception>
    /// <exception cref="UnauthorizedAccessException">It could not.</exception>
    public void RequireWritable()
    {
        string folder = Folder(Path);
        switch (Entry.Kind)
        {
            case FileKind.Folder:
                throw new IOException($"'{Path}' is a folder, not a file");
            case FileKind.Missing when IsDescriptor:
                throw new IOException($"'{Path}' is not open");
            case FileKind.Missing when Path.EndsWith(System.IO.Path.DirectorySeparatorChar):
                throw new IOException($"'{Path}' names a folder, not a file");
            case FileKind.Missing when !Directory.Exists(folder):
                throw new IOException($"there is no folder '{folder}' to write '{System.IO.Path.GetFileName(Path)}' into");
            case FileKind.Missing:
                using (Temporary(folder, UnixFileMode.None, FileOptions.DeleteOnClose))
                {
                    break;
                }
            case FileKind.Pipe:
                break; // opening it would wait for its reader
            default:
                if (!IsDescriptor)
                {
                    using FileStream open = new(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                }
                break;
        }
    }

    /// <summary>A new file with a name that is short whatever the output's is.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="mode">Its mode; none: the usual one of new files.</param>
    /// <param name="options">Whether it goes when it is closed.</param>
    internal static FileStream Temporary(string folder, UnixFileMode mode, FileOptions options = FileOptions.None)
    {
        var opening = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = options };
        if (!OperatingSystem.IsWindows() && mode != UnixFileMode.None)
        {
            opening.UnixCreateMode = mode;
        }
        return new FileStream(System.IO.Path.Combine(folder, $".prescore-{System.IO.Path.GetRandomFileName()}"), opening);
    }

    internal static string Folder(string path) => System.IO.Path.GetDirectoryName(path) ?? path;

    [GeneratedRegex(@"^/(dev/(stdin|stdout|stderr|fd/[0-9]+)|proc/(self|thread-self|[0-9]+)/fd/[0-9]+)$")]
    private static partial Regex Descriptor();
}
