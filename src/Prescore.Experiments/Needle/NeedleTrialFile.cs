using System.Text.Json;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Needle;

/// <summary>
/// Finished trials, one a line behind a line that says what they are of, so that a study goes on where it was stopped. A
/// last line that was cut short is passed over.
/// </summary>
internal sealed class NeedleTrialFile
{
    private readonly string? _path;

    /// <summary>Opens or starts a file; a null path keeps nothing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="identity">What the trials depend on besides method, length, haystack and depth.</param>
    /// <exception cref="BadInputException">The file is of another study, or no such file.</exception>
    public NeedleTrialFile(string? path, string identity)
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
            throw new BadInputException($"{Path.GetFileName(path)} holds trials of another model, text, seed or number of depths; name another file");
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

    /// <summary>Trials that were there already.</summary>
    public List<NeedleTrial> Finished { get; } = [];

    /// <summary>Adds trials.</summary>
    public void Append(IEnumerable<NeedleTrial> trials)
    {
        if (_path is not null)
        {
            File.AppendAllText(_path, string.Concat(trials.Select(trial => ReportJson.SerializeLine(trial) + "\n")));
        }
    }

    private static NeedleTrial Parse(string path, string line, int number)
    {
        try
        {
            return ReportJson.Deserialize<NeedleTrial>(line) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new BadInputException($"{Path.GetFileName(path)}, line {number}: {error.Message}");
        }
    }
}
