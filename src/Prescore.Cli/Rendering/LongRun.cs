using Prescore.Experiments;

namespace Prescore.Cli.Rendering;

/// <summary>Work that gives one row after another.</summary>
internal static class LongRun
{
    /// <summary>Collects the rows under a progress bar, then shows them; a run that is interrupted or fails shows those that it has.</summary>
    /// <param name="context">Where the bar goes.</param>
    /// <param name="run">The work, told where to report.</param>
    /// <param name="show">Shows the rows: all, or those before the end came.</param>
    /// <returns>All rows.</returns>
    public static List<TRow> Rows<TRow>(ToolContext context, Func<IProgress<StudyProgress>, IEnumerable<TRow>> run, Action<IReadOnlyList<TRow>> show)
    {
        var rows = new List<TRow>();
        try
        {
            using var progress = new ProgressLine(context);
            foreach (TRow row in run(progress))
            {
                rows.Add(row);
            }
        }
        finally
        {
            show(rows);
        }
        return rows;
    }
}
