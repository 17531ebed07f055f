using System.Text;
using Prescore.Memory;

namespace Prescore.Models.Formats;

/// <summary>
/// Writes outputs. A regular file is either complete or as it was before: it is written under a temporary name in the same
/// folder, which takes its place when all is written. Symbolic links are written through, an existing file keeps its mode
/// and, where it has several names (hard links) or another owner, itself: the complete content is copied into it. Pipes,
/// devices and open descriptors (<c>/dev/stdout</c>) are written to as they are.
/// </summary>
public static class AtomicFile
{
    /// <summary>Finds out, before any work, that a file could not be written; leaves no trace.</summary>
    /// <exception cref="IOException">It could not, and why.</exception>
    /// <exception cref="UnauthorizedAccessException">It could not.</exception>
    public static void RequireWritable(string path) => OutputTarget.Find(path).RequireWritable();

    /// <summary>Writes a file through a stream; replaces an existing one. The stream of a pipe cannot seek.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the whole content; an exception it throws is passed on after the temporary file is removed.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        OutputTarget target = OutputTarget.Find(path);
        if (!target.IsFile)
        {
            using Stream direct = OpenDirect(target);
            write(direct);
            return;
        }
        string? temporary = null;
        try
        {
            using (FileStream stream = CreateTemporary(target))
            {
                temporary = stream.Name;
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            Replace(target, temporary);
        }
        catch
        {
            if (temporary is not null)
            {
                File.Delete(temporary);
            }
            throw;
        }
    }

    /// <summary>Writes a text as UTF-8 without byte-order mark.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    private static Stream OpenDirect(OutputTarget target)
    {
        // The console's own streams share their position with what is printed; a file behind one may hold earlier lines.
        switch (target.IsDescriptor ? Path.GetFileName(target.Path) : "")
        {
            case "stdout" or "1":
                return Console.OpenStandardOutput();
            case "stderr" or "2":
                return Console.OpenStandardError();
        }
        var stream = new FileStream(target.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        if (target.IsDescriptor && target.Entry.Kind == FileKind.Regular)
        {
            stream.Seek(0, SeekOrigin.End);
        }
        return stream;
    }

    /// <summary>Beside the output, or where that folder takes no new files but the output exists, in the system's folder.</summary>
    private static FileStream CreateTemporary(OutputTarget target)
    {
        bool exists = target.Entry.Kind == FileKind.Regular;
        UnixFileMode mode = exists && !OperatingSystem.IsWindows() ? File.GetUnixFileMode(target.Path) : UnixFileMode.None;
        try
        {
            return OutputTarget.Temporary(OutputTarget.Folder(target.Path), mode);
        }
        catch (Exception error) when (exists && error is IOException or UnauthorizedAccessException)
        {
            return OutputTarget.Temporary(Path.GetTempPath(), mode);
        }
    }

    private static void Replace(OutputTarget target, string temporary)
    {
        if (target.Entry.Kind == FileKind.Missing)
        {
            File.Move(temporary, target.Path, overwrite: true);
            return;
        }
        bool replaceable = target.Entry.Links == 1
            && FileEntry.Of(temporary).Owner == target.Entry.Owner
            && OutputTarget.Folder(temporary) == OutputTarget.Folder(target.Path);
        if (!replaceable || !TryMove(target, temporary))
        {
            using (FileStream complete = File.OpenRead(temporary))
            using (FileStream place = new(target.Path, FileMode.Truncate, FileAccess.Write))
            {
                complete.CopyTo(place);
                place.Flush(flushToDisk: true);
            }
            File.Delete(temporary);
        }
    }

    /// <summary>False where the file cannot give way, as one that is a mount point of its own.</summary>
    private static bool TryMove(OutputTarget target, string temporary)
    {
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                // Its creation was subject to the process's mask.
                File.SetUnixFileMode(temporary, File.GetUnixFileMode(target.Path));
            }
            File.Move(temporary, target.Path, overwrite: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
