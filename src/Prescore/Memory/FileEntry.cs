using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>What kind of thing a path names.</summary>
public enum FileKind
{
    /// <summary>Nothing.</summary>
    Missing,

    /// <summary>A regular file.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A pipe, named or not.</summary>
    Pipe,

    /// <summary>A character or block device.</summary>
    Device,

    /// <summary>A socket.</summary>
    Socket,
}

/// <summary>What stands at a path, symbolic links followed; nothing is opened, so a pipe does not block.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Identity">
/// The same for all names of one file (device and inode; where the system does not tell, the full path); empty for a missing one.
/// </param>
/// <param name="Links">Number of its names (hard links), at least 1.</param>
/// <param name="Owner">Numbers of its owner and group.</param>
public readonly record struct FileEntry(FileKind Kind, string Identity, long Links, (uint User, uint Group) Owner)
{
    private const int NoSuchEntry = 2; // ENOENT
    private const int NoFolder = 20; // ENOTDIR

    /// <summary>Looks a path up.</summary>
    /// <exception cref="IOException">The path is empty, too long, a ring of links, or in a folder that cannot be searched.</exception>
    public static FileEntry Of(string path)
    {
        if (path.Length == 0 || path.Contains('\0'))
        {
            throw new IOException(path.Length == 0 ? "the name of the file is empty" : "the name of the file holds a null character");
        }
        // As the runtime's own file functions do: '..' is taken off the name before links are followed.
        string full = Path.GetFullPath(path);
        if (OperatingSystem.IsLinux())
        {
            try
            {
                return OfLinux(full);
            }
            catch (EntryPointNotFoundException)
            {
                // A C library from before 2018: as on other systems.
            }
        }
        return OfOther(full);
    }

    /// <summary>The kind in words, such as <c>a pipe</c>.</summary>
    public string Describe() => Kind switch
    {
        FileKind.Missing => "missing",
        FileKind.Regular => "a regular file",
        FileKind.Folder => "a folder",
        FileKind.Pipe => "a pipe",
        FileKind.Device => "a device",
        _ => "a socket",
    };

    private static FileEntry OfLinux(string path)
    {
        const int WorkingFolder = -100; // AT_FDCWD
        const uint BasicFields = 0x7FF; // STATX_BASIC_STATS
        if (statx(WorkingFolder, path, 0, BasicFields, out StatxBuffer status) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error is NoSuchEntry or NoFolder
                ? new FileEntry(FileKind.Missing, "", 1, default)
                : throw new IOException($"'{path}': {Marshal.GetPInvokeErrorMessage(error)}");
        }
        FileKind kind = (status.Mode & 0xF000) switch
        {
            0x8000 => FileKind.Regular,
            0x4000 => FileKind.Folder,
            0x1000 => FileKind.Pipe,
            0xC000 => FileKind.Socket,
            _ => FileKind.Device,
        };
        return new FileEntry(kind, $"{status.DeviceMajor}:{status.DeviceMinor}:{status.Inode}", status.Links, (status.User, status.Group));
    }

    private static FileEntry OfOther(string path)
    {
        bool exists = File.Exists(path);
        FileKind kind = Directory.Exists(path) ? FileKind.Folder
            : !exists ? FileKind.Missing
            : !OperatingSystem.IsWindows() && path.StartsWith("/dev/", StringComparison.Ordinal) ? FileKind.Device
            : FileKind.Regular;
        string final = exists ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
        return new FileEntry(kind, kind == FileKind.Missing ? "" : final.ToUpperInvariant(), 1, default);
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint fields, out StatxBuffer status);

    /// <summary>struct statx of the Linux kernel, the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint User;
        [FieldOffset(24)] public uint Group;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
    }
}
