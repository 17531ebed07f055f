using System.Diagnostics;
using System.Globalization;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>What other processes take of the processor, from Linux's counters; elsewhere it is not known and taken for nothing.</summary>
internal sealed class ForeignProcesses
{
    private const string Counters = "/proc/stat";
    private const double TicksPerSecond = 100;

    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly double _busy = BusySeconds();
    private readonly TimeSpan _own = Process.GetCurrentProcess().TotalProcessorTime;

    private ForeignProcesses()
    {
    }

    public static ForeignProcesses Start() => new();

    /// <summary>Mean number of cores that others kept busy since the start.</summary>
    public double CoresTaken()
    {
        double own = (Process.GetCurrentProcess().TotalProcessorTime - _own).TotalSeconds;
        return Math.Max(0, BusySeconds() - _busy - own) / Stopwatch.GetElapsedTime(_began).TotalSeconds;
    }

    private static double BusySeconds()
    {
        if (!File.Exists(Counters))
        {
            return 0;
        }
        // cpu user nice system idle iowait irq softirq steal: all but idle and waiting.
        string[] fields = File.ReadLines(Counters).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Where((_, i) => i is 1 or 2 or 3 or 6 or 7 or 8).Sum(field => double.Parse(field, CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
