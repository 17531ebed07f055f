using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Coverage;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Prescore.Scoring;
using Prescore.Specs;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study coverage</c>: how much of a model's attention a few keys hold.</summary>
internal static class StudyCoverageCommand
{
    private static readonly CoverageSettings Defaults = new() { ModelPath = "", Text = null! };

    private static readonly string HelpNotes = $"""
        The model reads a text with exact attention. Every query from the second quarter on keeps the first {CoverageSettings.Sinks} keys and its last
        {CoverageSettings.Window}; shown is how much of its attention on the others, the far keys, falls on s of them: each query's own best,
        the best set that a block of {CoverageSettings.Block} queries or all queries of a head could share, a longer window, and the best keys of
        each scorer, fitted on keys after and before the rotary embedding. Scorers see all keys, later ones too; those that
        ask for queries see the ones of the last {CoverageSettings.ObservedPositions} positions, and choose among the keys far from all of these. Heavy keys
        are those with at least 1, 5 or 20 % of a query's attention.

        --resume FILE keeps finished layers: the same command goes on where it was stopped.

        Scorers: {string.Join(", ", KeyScorers.Names)}

        Examples:
          prescore study coverage
          prescore study coverage --context 4096 --keys 128 --scorers kmeans leverage random --plot coverage.png
          prescore study coverage --context 16384 --scorers observed kmeans-value random --resume layers.jsonl
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = RunOptions.Text();
        Option<int?> length = NumberOptions.Whole("--context", $"Tokens of the text. Default: {Defaults.Context}.", minimum: 1, maximum: 32_768);
        Option<int?> keys = NumberOptions.Whole("--keys", $"Keys s of a choice. Default: {Defaults.Keys}.", minimum: 1, "S");
        var scorers = new Option<string[]>("--scorers")
        {
            Description = $"Scorers to compare. Default: {string.Join(' ', Defaults.Scorers)}.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished layers in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("every layer and head");
        Option<string?> plot = RunOptions.Plot("heat maps over layers and heads");
        var command = new ToolCommand("coverage", "How much of a model's attention a few keys hold, chosen by scorers and as well as can be.", HelpNotes)
        {
            model, text, length, keys, scorers, threads, seed, resume, json, plot,
        };
        command.SetAction(parsed =>
        {
            string[] names = parsed.GetValue(scorers) is { Length: > 0 } chosen ? chosen : [.. Defaults.Scorers];
            if (names.FirstOrDefault(name => !KeyScorers.Names.Contains(name)) is string unknown)
            {
                throw MethodSpecException.Unknown("scorer", unknown, KeyScorers.Names);
            }
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? EmbeddedFiles.Text);
            CoverageSettings settings = Defaults with
            {
                ModelPath = parsed.GetValue(model) ?? EmbeddedFiles.Model,
                Text = input,
                Context = parsed.GetValue(length) ?? Defaults.Context,
                Keys = parsed.GetValue(keys) ?? Defaults.Keys,
                Scorers = names,
                StatePath = parsed.GetValue(resume),
            };
            using CoverageStudy study = CoverageStudy.Prepare(settings, RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed)), context.CancellationToken);
            CoverageReport report;
            using (var progress = new ProgressLine(context))
            {
                report = study.Run(progress, context.CancellationToken);
            }
            Print(context, report);
            OutputFiles.WriteJson(parsed.GetValue(json), report);
            OutputFiles.WriteBytes(parsed.GetValue(plot), () => CoveragePlot.Render(report));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, CoverageReport report)
    {
        context.Out.WriteLine(
            $"{report.Model.File} on {report.Text.File}: context {report.Context}, {report.Keys} keys beside {report.Sinks} sinks and a window of {report.Window}; far keys hold {Numbers.Percent(report.FarMass.SelectMany(layer => layer).Average())} of the attention");
        Table table = Tables.Create(
            context, ["choice", "of all attention", "of far attention", .. report.Thresholds.Select(threshold => $"heavy found, {100 * threshold:0} %")]);
        foreach (CoverageRow choice in report.Choices)
        {
            table.AddPlainRow([choice.Name, Numbers.Percent(choice.Mass), Numbers.Percent(choice.FarMass), .. choice.HeavyRecall.Select(Numbers.Percent)]);
        }
        Tables.Write(context, table);
    }
}
