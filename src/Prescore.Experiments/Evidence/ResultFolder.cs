using Prescore.Experiments.Reports;
using Prescore.Models.Formats;

namespace Prescore.Experiments.Evidence;

/// <summary>A report's folder: a JSON file for each finished study, and the page.</summary>
public sealed class ResultFolder
{
    /// <summary>File name of the page.</summary>
    public const string PageName = "index.html";

    /// <summary>File name of the verdicts.</summary>
    public const string VerdictsName = "verdicts.json";

    private readonly string _path;

    private ResultFolder(string path) => _path = path;

    /// <summary>Full name of the page.</summary>
    public string Page => Path.Combine(_path, PageName);

    /// <summary>Opens a folder, and makes it where there is none.</summary>
    /// <exception cref="BadInputException">Something that is no folder is in the way.</exception>
    /// <exception cref="IOException">It cannot be made or written to.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made or written to.</exception>
    public static ResultFolder Open(string path)
    {
        if (File.Exists(path))
        {
            throw new BadInputException($"'{path}' is a file, not a folder");
        }
        Directory.CreateDirectory(path);
        var folder = new ResultFolder(path);
        AtomicFile.RequireWritable(folder.Page);
        return folder;
    }

    /// <summary>Opens a folder that is there.</summary>
    /// <exception cref="BadInputException">There is none.</exception>
    public static ResultFolder OpenExisting(string path) =>
        Directory.Exists(path) ? new ResultFolder(path) : throw new BadInputException($"there is no folder '{path}'");

    /// <summary>The finished result of a study, if its command was the same; null: none.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public StudyResult? Find(string study, IReadOnlyList<string> command) =>
        Read(study) is { } result && result.Command.SequenceEqual(command) ? result : null;

    /// <summary>The finished result of a study; null: there is no file of it.</summary>
    /// <exception cref="BadInputException">Its file holds something else: passing over it would run the study again, or leave it out of the page.</exception>
    public StudyResult? Read(string study)
    {
        string path = FileOf(study);
        if (!File.Exists(path))
        {
            return null;
        }
        return ReportJson.TryDeserialize(File.ReadAllText(path), out StudyResult? result) && result.Study == study
            ? result
            : throw new BadInputException($"'{path}' does not hold a finished result of study {study}: it is damaged, or another's; remove it to run the study again");
    }

    /// <summary>Keeps a finished result.</summary>
    public void Write(StudyResult result) => AtomicFile.WriteText(FileOf(result.Study), ReportJson.Serialize(result));

    /// <summary>Keeps the verdicts.</summary>
    public void Write(IReadOnlyList<Verdict> verdicts) => AtomicFile.WriteText(Path.Combine(_path, VerdictsName), ReportJson.Serialize(new VerdictList(verdicts)));

    /// <summary>A file beside the results for what a command has not finished.</summary>
    public string Unfinished(string name) => Path.Combine(_path, name + ".unfinished");

    private string FileOf(string study) => Path.Combine(_path, study + ".json");
}
