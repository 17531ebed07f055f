using System.Text.Json;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments;

/// <summary>
/// Finished rows of a study, one a line behind a line that says what they are of, so that the study goes on where it was
/// stopped. A last line that was cut short is passed over.
/// </summary>
/// <typeparam name="T">One row.</typeparam>
internal sealed class ResumableRows<T>
{
    private readonly string? _path;

    /// <summary>Opens or starts a file; a null path keeps nothing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="identity">What the rows depend on besides what they say of themselves; one line.</param>
    /// <exception cref="BadInputException">The file is of another study, or no such file.</exception>
    public ResumableRows(string? path, string identity)
    {
        _path = path;
        if (path is null)
        {
            return;
        }
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
        {
            File.WriteAllText(path, identity + "\n");
            return;
        }
        string[] lines = File.ReadAllText(path).Split('\n');
        if (lines[0] != identity)
        {
            throw new BadInputException($"{Path.GetFileName(path)} holds results of another study or of another model, text, seed or size; name another file");
        }
        for (int i = 1; i < lines.Length - 1; i++)
        {
            Finished.Add(Parse(path, lines[i], i + 1));
        }
        if (lines[^1].Length > 0)
        {
            File.WriteAllText(path, string.Concat(lines[..^1].Select(line => line + "\n")));
        }
    }

    /// <summary>Rows that were there already.</summary>
    public List<T> Finished { get; } = [];

    /// <summary>Adds rows.</summary>
    public void Append(params IEnumerable<T> rows)
    {
        if (_path is not null)
        {
            File.AppendAllText(_path, string.Concat(rows.Select(row => ReportJson.SerializeLine(row) + "\n")));
        }
    }

    private static T Parse(string path, string line, int number)
    {
        try
        {
            return ReportJson.Deserialize<T>(line) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new BadInputException($"{Path.GetFileName(path)}, line {number}: {error.Message}");
        }
    }
}
