using System.Diagnostics;
using System.Globalization;
using Prescore.Experiments;
using Prescore.Experiments.Reports;

namespace Prescore.Cli.Rendering;

/// <summary>A progress bar with the time left on the error stream; silent where that is no terminal.</summary>
internal sealed class ProgressLine : IProgress<StudyProgress>, IDisposable
{
    private const int UsualBarWidth = 28;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly ToolContext _context;
    private readonly Lock _lock = new();
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private TimeSpan _lastDrawn = -Interval;
    private string? _lastActivity;
    private int _drawnLength;
    private bool _ended;

    public ProgressLine(ToolContext context) => _context = context;

    /// <inheritdoc/>
    public void Report(StudyProgress value)
    {
        if (_context.Progress is { } whole)
        {
            whole.Report(value);
            return;
        }
        if (!_context.ErrorIsTerminal)
        {
            return;
        }
        lock (_lock)
        {
            bool tooSoon = value.Activity == _lastActivity && _elapsed.Elapsed - _lastDrawn < Interval;
            if (_ended || tooSoon)
            {
                return;
            }
            _lastActivity = value.Activity;
            _lastDrawn = _elapsed.Elapsed;
            string line = Cut(Describe(value, _elapsed.Elapsed, Math.Min(UsualBarWidth, _context.Width / 4)));
            _context.UnescapedError.Write('\r' + line.PadRight(_drawnLength));
            _drawnLength = line.Length;
        }
    }

    /// <summary>Wipes the bar.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (!_ended && _drawnLength > 0)
            {
                _context.UnescapedError.Write('\r' + new string(' ', _drawnLength) + '\r');
            }
            _ended = true;
        }
    }

    /// <summary>The bar as text: filled part, percentage, time left, activity.</summary>
    internal static string Describe(StudyProgress progress, TimeSpan elapsed, int barWidth = UsualBarWidth)
    {
        double fraction = Math.Clamp(progress.Fraction, 0, 1);
        int filled = (int)Math.Round(fraction * barWidth);
        string bar = new string('█', filled) + new string('░', barWidth - filled);
        // The first percents say too little about the rest.
        string left = fraction < 0.02 ? "" : ", " + Clock(elapsed * ((1 - fraction) / fraction)) + " left";
        return string.Create(CultureInfo.InvariantCulture, $"{bar} {100 * fraction,3:0} %{left}  {VisibleText.Line(progress.Activity)}");
    }

    // A line that fills the terminal would wrap, and '\r' return to its second half only.
    private string Cut(string line) => line.Length < _context.Width ? line : line[..Math.Max(0, _context.Width - 2)] + "…";

    private static string Clock(TimeSpan time) =>
        time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");
}
