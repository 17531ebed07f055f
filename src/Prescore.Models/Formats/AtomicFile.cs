using System.Text;

namespace Prescore.Models.Formats;

/// <summary>
/// Writes files that are either complete or absent: to a temporary name in the same folder, renamed when all is written.
/// A failed or interrupted write leaves an earlier file as it was.
/// </summary>
public static class AtomicFile
{
    /// <summary>Writes a file through a stream; replaces an existing one.</summary>
    /// <param name="path">The final name; its folder must exist.</param>
    /// <param name="write">Writes the whole content; an exception it throws is passed on after the temporary file is removed.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (IsDevice(target))
        {
            using FileStream device = new(target, FileMode.Open, FileAccess.Write);
            write(device);
            return;
        }
        string temporary = Path.Combine(
            Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Writes a text as UTF-8 without byte-order mark.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    // Renaming a file over /dev/null or /dev/stdout would replace the device itself.
    private static bool IsDevice(string target) =>
        !OperatingSystem.IsWindows() && target.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(target);
}
