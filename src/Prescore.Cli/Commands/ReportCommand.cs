using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Evidence;
using Prescore.Experiments.Evidence.Claims;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore report</c>: runs the studies, keeps their results, and writes them and the verdicts as one page.</summary>
internal static class ReportCommand
{
    private const string DefaultFolder = "report";

    private const string HelpNotes = """
        Each study is a command of this tool. Its result is kept as STUDY.json in the folder, with command, version, machine
        and seed, as soon as it is finished; a run that was stopped goes on from there, and a result whose command has not
        changed is used again (--again runs it anew). Then the verdicts on the paper's five claims are computed from the
        results, and index.html shows everything: it is one file, needs no scripts and no network.

        --quick takes minutes and needs nothing beside the tool; --full takes hours: --list says before how long.
        docs/report.md says how to read the page; docs/report/ is a full one.

        Examples:
          prescore report
          prescore report --full --folder evidence
          prescore report --full --list
          prescore report --only planted --again
          prescore report --full --page --folder docs/report --document README.md
        """;

    public static Command Create(ToolContext context)
    {
        var quick = new Option<bool>("--quick") { Description = "Small sizes, some minutes. The default." };
        var full = new Option<bool>("--full") { Description = "All sizes, hours; goes on where it was stopped." };
        var folder = new Option<string>("--folder") { Description = $"Folder of results and page. Default: {DefaultFolder}.", HelpName = "FOLDER", DefaultValueFactory = _ => DefaultFolder };
        var only = new Option<string[]>("--only") { Description = "Run these studies alone; others that are finished are shown all the same.", HelpName = "STUDY", AllowMultipleArgumentsPerToken = true };
        var again = new Option<bool>("--again") { Description = "Run finished studies anew." };
        var page = new Option<bool>("--page") { Description = "Run nothing: write the page anew from what is finished." };
        PathOption document = PathOptions.Output("--document", "Write this report's figures into a Markdown file, between its marks <!-- report: STUDY --> and <!-- end of report -->.");
        var list = new Option<bool>("--list") { Description = "List the studies, which are finished and how long the others take; run none." };
        var command = new ToolCommand("report", "Run the studies and write their results, with verdicts on the paper's claims, as one page.", HelpNotes)
        {
            quick, full, folder, only, again, page, document, list,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(quick) && result.GetValue(full))
            {
                result.AddError("--quick and --full exclude each other");
            }
        });
        command.SetAction(parsed =>
        {
            IReadOnlyList<ReportStudy> studies = parsed.GetValue(full) ? ReportStudies.Full : ReportStudies.Quick;
            string[] chosen = parsed.GetValue(only) ?? [];
            foreach (string name in chosen.Where(name => studies.All(study => study.Name != name)))
            {
                throw new BadInputException(Specs.UnknownName.Describe("study", name, [.. studies.Select(study => study.Name)]));
            }
            string path = parsed.GetValue(folder)!;
            if (parsed.GetValue(list))
            {
                Announce(context, studies, Directory.Exists(path) ? ResultFolder.OpenExisting(path) : null);
                return ExitCodes.Done;
            }
            string? markdown = parsed.GetValue(document);
            if (markdown is not null && !File.Exists(markdown))
            {
                throw new BadInputException($"there is no file '{markdown}', whose figures --document should bring up to date");
            }
            if (parsed.GetValue(page))
            {
                ResultFolder.OpenExisting(path);
            }
            ResultFolder results = ResultFolder.Open(path);
            Announce(context, studies, results);
            var run = new Run(context, results, parsed.GetValue(page) ? [] : Wanted(studies, results, chosen, parsed.GetValue(again)));
            int code = run.All(studies);
            if (markdown is not null)
            {
                AtomicFile.WriteText(markdown, DocumentFigures.Update(File.ReadAllText(markdown), results));
            }
            return code;
        });
        return command;
    }

    /// <summary>The studies to run: those that were chosen, or all, as far as they are not finished.</summary>
    private static ReportStudy[] Wanted(IReadOnlyList<ReportStudy> studies, ResultFolder folder, string[] chosen, bool again) =>
        [.. studies.Where(study => chosen.Length == 0 || chosen.Contains(study.Name)).Where(study => again || folder.Find(study.Name, study.Command) is null)];

    private static void Announce(ToolContext context, IReadOnlyList<ReportStudy> studies, ResultFolder? folder)
    {
        Table table = Tables.Create(context, "study", "about, minutes", "state");
        double left = 0;
        foreach (ReportStudy study in studies)
        {
            bool finished = folder?.Find(study.Name, study.Command) is not null;
            left += finished ? 0 : study.Minutes;
            table.AddPlainRow(study.Name, Numbers.Fixed(study.Minutes, study.Minutes < 1 ? 1 : 0), finished ? "finished" : "to run");
        }
        Tables.Write(context, table);
        context.Out.WriteLine($"to run: about {Numbers.Fixed(left, 0)} minutes on two cores with AVX-512");
    }

    /// <summary>One run of the report.</summary>
    /// <param name="context">The tool.</param>
    /// <param name="folder">Where results are kept.</param>
    /// <param name="wanted">Studies to run.</param>
    private sealed class Run(ToolContext context, ResultFolder folder, IReadOnlyList<ReportStudy> wanted)
    {
        private readonly Dictionary<string, string> _whyMissing = [];

        /// <summary>Runs what is missing and writes the page, which an interrupted run has too.</summary>
        public int All(IReadOnlyList<ReportStudy> studies)
        {
            double all = wanted.Sum(study => study.Minutes), done = 0;
            bool interrupted = false;
            using (var bar = new ProgressLine(context))
            {
                foreach (ReportStudy study in wanted)
                {
                    interrupted = interrupted || One(study, new PartialProgress(bar, done / all, study.Minutes / all)) == ExitCodes.Interrupted;
                    if (interrupted)
                    {
                        _whyMissing.TryAdd(study.Name, "the run was interrupted");
                    }
                    done += study.Minutes;
                }
            }
            WritePage(studies);
            context.CancellationToken.ThrowIfCancellationRequested();
            return wanted.Any(study => _whyMissing.ContainsKey(study.Name)) ? ExitCodes.CheckFailed : ExitCodes.Done;
        }

        private int One(ReportStudy study, IProgress<StudyProgress> progress)
        {
            string unfinished = folder.Unfinished(study.Name), json = study.ResumeOption == "--json" ? unfinished : unfinished + ".json";
            string[] files = study.ResumeOption is null or "--json" ? ["--json", json] : ["--json", json, study.ResumeOption, unfinished];
            DateTimeOffset started = DateTimeOffset.UtcNow;
            long start = Stopwatch.GetTimestamp();
            bool resumed = File.Exists(unfinished);
            var errors = new StringWriter();
            int code = CommandLine.Run([.. study.Command, .. files], context with
            {
                Out = new StringWriter(),
                Error = errors,
                OutIsTerminal = false,
                ErrorIsTerminal = false,
                Progress = new StudyPart(progress, study.Name),
            });
            if (code == ExitCodes.Done)
            {
                folder.Write(new StudyResult
                {
                    Study = study.Name,
                    Command = study.Command,
                    Version = typeof(ReportCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
                    Started = started,
                    Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                    Resumed = resumed,
                    Seed = SeedOf(study.Command),
                    Machine = Machine.Here(),
                    Result = JsonDocument.Parse(File.ReadAllText(json)).RootElement,
                });
                File.Delete(json);
                File.Delete(unfinished);
            }
            else if (code != ExitCodes.Interrupted)
            {
                string? reason = errors.ToString().Split('\n').FirstOrDefault(line => line.StartsWith("error: ", StringComparison.Ordinal))?["error: ".Length..];
                _whyMissing[study.Name] = Failures.OneLine(reason ?? "an error of the tool");
                context.Error.WriteLine($"note: {study.Name} was not run: {reason ?? errors.ToString()}");
            }
            return code;
        }

        private static ulong SeedOf(IReadOnlyList<string> command) =>
            command.SkipWhile(argument => argument != "--seed").Skip(1).FirstOrDefault() is string seed ? ulong.Parse(seed, CultureInfo.InvariantCulture) : 0;

        private void WritePage(IReadOnlyList<ReportStudy> studies)
        {
            StudyResult?[] results = [.. studies.Select(study => folder.Find(study.Name, study.Command))];
            Verdict[] verdicts = [.. PaperClaims.All.Select(claim => claim.Judge([.. results.OfType<StudyResult>()]))];
            folder.Write(verdicts);
            AtomicFile.WriteText(folder.Page, EvidencePage.Write(studies, results, _whyMissing, verdicts));
            Table table = Tables.Create(context, "claim", "verdict");
            foreach (Verdict verdict in verdicts)
            {
                table.AddPlainRow($"{verdict.Number}. {verdict.Claim}", verdict.InWords());
            }
            Tables.Write(context, table);
            context.Out.WriteLine($"wrote {folder.Page}");
        }
    }

    /// <summary>Names the study before what it is doing.</summary>
    private sealed class StudyPart(IProgress<StudyProgress> whole, string name) : IProgress<StudyProgress>
    {
        public void Report(StudyProgress value) => whole.Report(value with { Activity = $"{name}: {value.Activity}" });
    }
}
