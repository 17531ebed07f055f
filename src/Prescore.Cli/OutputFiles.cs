using System.Text;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;

namespace Prescore.Cli;

/// <summary>A command's files; each appears under its name only when it is complete, see <see cref="AtomicFile"/>.</summary>
internal static class OutputFiles
{
    /// <summary>Writes a report as JSON; nothing where no path was given.</summary>
    public static void WriteJson<T>(string? path, T report) =>
        WriteBytes(path, () => Encoding.UTF8.GetBytes(ReportJson.Serialize(report)));

    /// <summary>Writes a file; nothing where no path was given.</summary>
    public static void WriteBytes(string? path, Func<byte[]> contents)
    {
        if (path is not null)
        {
            byte[] bytes = contents();
            AtomicFile.Write(path, stream => stream.Write(bytes));
        }
    }
}
