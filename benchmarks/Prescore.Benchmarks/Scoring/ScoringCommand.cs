using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Attention.PreScored;
using Prescore.Experiments.Layers;
using Prescore.Kernels;
using Prescore.Scoring;
using Spectre.Console;

namespace Prescore.Benchmarks.Scoring;

/// <summary>How much of streaming pre-scored attention's time goes into scores and selection, for every scorer.</summary>
internal static class ScoringCommand
{
    private const int Window = 64;

    /// <summary>An early layer, since those before it have to be run; scoring takes the same time in all.</summary>
    private const int Layer = 4;

    private static readonly int[] Lengths = [8192, 16384, 32768];

    /// <summary>All scorers but the variants of one clustering, such as <c>kmeans-far</c>, which cost the same.</summary>
    private static readonly string[] Scorers =
        [.. KeyScorers.Names.Where(name => !KeyScorers.Names.Any(other => name.StartsWith($"{other}-", StringComparison.Ordinal)))];

    public static Command Create()
    {
        var json = new Option<FileInfo?>("--json") { Description = "Write the report to this file." };
        Option<int> threads = CommonOptions.Threads();
        var selected = new Option<int>("--selected") { Description = "Selected keys s.", DefaultValueFactory = _ => PreScoredAttention.DefaultSelected };
        var quick = new Option<bool>("--quick") { Description = "The shortest length alone." };
        CommonOptions.RequireAtLeastOne(selected);
        var command = new Command("scoring", "Share of scores and selection in pre-scored attention's time, by scorer.") { json, threads, selected, quick };
        command.SetAction(parsed =>
        {
            var options = new AttentionOptions { Threads = parsed.GetValue(threads) };
            int[] lengths = parsed.GetValue(quick) ? Lengths[..1] : Lengths;
            var source = new CapturedLayers(
                RepositoryFile("models", "SmolLM2-135M-Instruct.Q4_1.gguf"), RepositoryFile("texts", "war-and-peace-part.txt"), [Layer], lengths, options);
            int s = parsed.GetValue(selected);
            var report = new ScoringReport(options.Threads, source.Description, s, Measure(source, lengths, s, options));
            Print(report);
            if (parsed.GetValue(json) is FileInfo file)
            {
                JsonReport.Write(file, report);
            }
            return 0;
        });
        return command;
    }

    /// <summary>A file that the build puts beside the program.</summary>
    private static string RepositoryFile(string folder, string name) => Path.Combine(AppContext.BaseDirectory, folder, name);

    private static List<ScoringRow> Measure(CapturedLayers source, int[] lengths, int selected, AttentionOptions options)
    {
        var rows = new List<ScoringRow>();
        foreach (int n in lengths)
        {
            Console.WriteLine($"capturing {source.Description}, n = {n}");
            LayerTensors layer = source.Load(n, progress: null, CancellationToken.None)[0];
            foreach (string scorer in Scorers)
            {
                var method = new PreScoredAttention(KeyScorers.Create(scorer), selected, Window);
                AttentionReport median = Median(() => LayerRun.Of(method, layer, causal: true, options).Report);
                rows.Add(new ScoringRow(scorer, n, median.Seconds, median.IndexSeconds, median.IndexSeconds / median.Seconds, median.Budget));
            }
        }
        return rows;
    }

    /// <summary>The run of median length out of several, after the first ones, which run code that is not optimised yet.</summary>
    private static AttentionReport Median(Func<AttentionReport> run)
    {
        const double warmUpSeconds = 1.5;
        const int samples = 5;
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < warmUpSeconds)
        {
            run();
        }
        return Enumerable.Range(0, samples).Select(_ => run()).OrderBy(report => report.Seconds).ElementAt(samples / 2);
    }

    private static void Print(ScoringReport report)
    {
        Console.WriteLine(
            $"{report.Threads} threads; Prescore {SimdPaths.Best}; {report.Data}; s = {report.Selected}, w = {Window}, inner = exact");
        Table table = ReportTable.Create("scorer", "n", "attention ms", "scores and selection ms", "share", "budget");
        foreach (ScoringRow row in report.Rows)
        {
            table.AddRow(
                row.Scorer,
                row.N.ToString(CultureInfo.InvariantCulture),
                ReportTable.Milliseconds(row.Seconds),
                ReportTable.Milliseconds(row.IndexSeconds),
                row.Share.ToString("P1", CultureInfo.InvariantCulture),
                row.Budget.ToString("F3", CultureInfo.InvariantCulture));
        }
        ReportTable.Write(table);
    }
}
