using System.Xml.Linq;

namespace Prescore.Experiments.Evidence;

/// <summary>A study of the report: a command of the tool that writes JSON, and how its result is shown.</summary>
/// <param name="Name">Unique name, and that of its file.</param>
/// <param name="Title">Heading on the page.</param>
/// <param name="Minutes">About how long it takes on two cores.</param>
/// <param name="Section">Shows the result.</param>
/// <param name="Command">Arguments of the tool, without those that name files to write.</param>
public sealed record ReportStudy(string Name, string Title, double Minutes, IReportSection Section, IReadOnlyList<string> Command)
{
    /// <summary>
    /// An option of the command by which it keeps unfinished work in a file and goes on from there; null: it has none, and
    /// begins anew.
    /// </summary>
    public string? ResumeOption { get; init; }
}

/// <summary>How the result of a kind of study is shown.</summary>
public interface IReportSection
{
    /// <summary>What the study asks and how to read what it found: one or two sentences.</summary>
    string Introduction { get; }

    /// <summary>Tables and plots, as parts of an HTML page.</summary>
    /// <exception cref="BadInputException">The result is not of this kind of study.</exception>
    IEnumerable<XElement> Show(StudyResult result);
}

/// <summary>Shows results of one type.</summary>
/// <typeparam name="T">The report that the command writes as JSON.</typeparam>
public abstract class ReportSection<T> : IReportSection
    where T : class
{
    /// <inheritdoc/>
    public abstract string Introduction { get; }

    /// <inheritdoc/>
    public IEnumerable<XElement> Show(StudyResult result) => Show(result.Read<T>());

    /// <summary>Tables and plots, as parts of an HTML page.</summary>
    protected abstract IEnumerable<XElement> Show(T report);
}
