using System.CommandLine;
using System.Globalization;
using Prescore.Kernels;
using Spectre.Console;
using TorchSharp;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>Compares Prescore's exact attention and matrix product with libtorch's.</summary>
internal static class LibTorchCommand
{
    /// <summary>Rows whose outputs differ by more are not reported. Both sides round in fp32, in different orders.</summary>
    private const double DifferenceBound = 2e-5;

    public static Command Create()
    {
        var json = new Option<FileInfo?>("--json") { Description = "Write the report to this file." };
        Option<int> threads = CommonOptions.Threads();
        var quick = new Option<bool>("--quick") { Description = "Fewer repetitions, and none of the long cases." };
        var filter = new Option<string>("--case") { Description = "Only the cases whose name contains this text.", DefaultValueFactory = _ => "" };
        var settings = new Option<bool>("--settings") { Description = "Print the time of every libtorch setting that was tried." };
        var command = new Command("libtorch", "Exact attention and the linear layers' product against libtorch.") { json, threads, quick, filter, settings };
        command.SetAction(parsed => Run(
            parsed.GetValue(threads), parsed.GetValue(quick), parsed.GetValue(filter)!, parsed.GetValue(settings), parsed.GetValue(json)));
        return command;
    }

    private static IEnumerable<Func<Comparison>> Cases(int threads, bool quick)
    {
        yield return () => new AttentionComparison(8, 8, 8192, causal: true, threads);
        yield return () => new AttentionComparison(8, 8, 8192, causal: false, threads);
        yield return () => new AttentionComparison(9, 3, 8192, causal: true, threads);
        yield return () => new LinearComparison(4096, 576, 1536, threads);
        yield return () => new LinearComparison(2048, 2048, 2048, threads);
        yield return () => new LinearComparison(512, 576, 49152, threads);
        yield return () => new LinearComparison(1, 576, 1536, threads);
        yield return () => new AttentionComparison(8, 8, 1024, causal: true, threads);
        yield return () => new AttentionComparison(8, 8, 2048, causal: true, threads);
        yield return () => new AttentionComparison(8, 8, 4096, causal: true, threads);
        if (!quick)
        {
            yield return () => new AttentionComparison(2, 2, 16384, causal: true, threads);
            yield return () => new AttentionComparison(2, 2, 32768, causal: true, threads);
        }
    }

    private static int Run(int threads, bool quick, string filter, bool printSettings, FileInfo? json)
    {
        if (LibTorchRuntime.UnfairSetting() is string unfair)
        {
            Console.Error.WriteLine($"{unfair} is set: OpenMP would then take cores from Prescore's threads; unset it");
            return 2;
        }
        torch.set_num_threads(threads);
        using IDisposable noGradients = torch.no_grad();
        string isa = LibTorchRuntime.Describe();
        Console.WriteLine($"{threads} threads; Prescore {SimdPaths.Best}; libtorch {torch.__version__}: {isa}");
        var rows = new List<LibTorchRow>();
        var refused = new List<string>();
        double peak = 0;
        foreach (Func<Comparison> create in Cases(threads, quick))
        {
            using Comparison comparison = create();
            if (!comparison.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }
            // Once a case: other work on the machine can only lower it.
            peak = Math.Max(peak, FmaPeak.MeasureGigaflops(threads, SimdPaths.Best));
            LibTorchRow row = Measure(comparison, quick, printSettings);
            if (row.MaxRelativeDifference <= DifferenceBound)
            {
                rows.Add(row);
            }
            else
            {
                refused.Add($"{row.Case}: outputs differ by {row.MaxRelativeDifference:0.0e-0} (bound {DifferenceBound:0e-0}), not reported");
            }
        }
        var report = new LibTorchReport(threads, peak, isa, [.. rows.Select(row => row with { FractionOfPeak = row.Gflops / peak })]);
        Print(report);
        refused.ForEach(Console.Error.WriteLine);
        if (json is not null)
        {
            JsonReport.Write(json, report);
        }
        return refused.Count == 0 ? 0 : 1;
    }

    private static LibTorchRow Measure(Comparison comparison, bool quick, bool printSettings)
    {
        LibTorchSetting setting = comparison.Settings
            .Select(candidate => (candidate, Seconds: TimeSetting(comparison, candidate, printSettings)))
            .MinBy(timed => timed.Seconds).candidate;
        (double ours, double theirs) = InterleavedTimer.Medians(
            comparison.RunOurs, () => setting.Run().Dispose(), TimeSpan.FromSeconds(quick ? 1 : 5));
        using torch.Tensor output = setting.Run();
        return new LibTorchRow(
            comparison.Name,
            ours,
            theirs,
            theirs / ours,
            comparison.MaxRelativeDifference(output),
            setting.Name)
        {
            Gflops = comparison.Operations / ours / 1e9,
        };
    }

    private static double TimeSetting(Comparison comparison, LibTorchSetting setting, bool print)
    {
        double seconds = InterleavedTimer.Best(() => setting.Run().Dispose());
        if (print)
        {
            Console.WriteLine($"{comparison.Name}: {setting.Name}: {ReportTable.Milliseconds(seconds)} ms, {comparison.Operations / seconds / 1e9:F0} GFLOPS");
        }
        return seconds;
    }

    private static void Print(LibTorchReport report)
    {
        Table table = ReportTable.Create("case", "ours ms", "libtorch ms", "ratio", "ours GFLOPS", "of peak", "difference")
            .AddColumn("libtorch's setting", column => column.NoWrap());
        foreach (LibTorchRow row in report.Rows)
        {
            table.AddRow(
                row.Case,
                ReportTable.Milliseconds(row.OursSeconds),
                ReportTable.Milliseconds(row.LibtorchSeconds),
                row.Ratio.ToString("F2", CultureInfo.InvariantCulture),
                row.Gflops.ToString("F0", CultureInfo.InvariantCulture),
                row.FractionOfPeak.ToString("P0", CultureInfo.InvariantCulture),
                row.MaxRelativeDifference.ToString("0.0e-0", CultureInfo.InvariantCulture),
                row.LibtorchSetting);
        }
        ReportTable.Write(table);
        Console.WriteLine(
            $"multiply-add peak {report.PeakGflops:F1} GFLOPS; ratio = libtorch's seconds ÷ ours; bound on differences {DifferenceBound:0e-0}");
    }
}
