using System.CommandLine;
using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Advice;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore advise</c>: which method is fastest for a model, a length and an error.</summary>
internal static class AdviseCommand
{
    private const double DefaultError = 0.1;

    private const string HelpNotes = """
        Times exact attention and some settings of clustered on this machine, on three layers of the model while it reads the
        text, at 2k and 8k tokens (a context up to 8k is measured itself), and compares their outputs. From these,
        seconds = a·n^b a method, and so the time at --context, over all layers. Clustered's time is taken to grow at least as
        n^1.7 and its budget to stay, whatever short lengths suggest. Shown is the error at the longest length measured. A
        prediction far beyond the measured lengths is rough: name --lengths nearer to the context where the time allows.
        A method is recommended only where its measured error is at most --error; exact always qualifies, and is often
        fastest up to some thousand tokens.

        Examples:
          prescore advise --context 32768
          prescore advise --context 131072 --error 0.05
          prescore advise --model mine.gguf --text book.txt --context 65536 --lengths 8k,16k --json advice.json
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = RunOptions.Text();
        Option<int?> length = NumberOptions.Whole("--context", "Tokens that the model is to read.", minimum: 2);
        length.Required = true;
        Option<double?> error = NumberOptions.Positive(
            "--error", string.Create(CultureInfo.InvariantCulture, $"Largest relative error of the attention outputs. Default: {DefaultError}."), maximum: 1, "E");
        var lengths = new Option<string?>("--lengths")
        {
            Description = "Lengths to measure at, rising; k stands for 1,024. Default: 2k,8k.",
            HelpName = "2k,8k",
        };
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> json = RunOptions.Json("predictions and recommendation");
        var command = new ToolCommand("advise", "Say which method is fastest for a model at a length and an error.", HelpNotes)
        {
            model, text, length, error, lengths, threads, seed, json,
        };
        command.SetAction(parsed =>
        {
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? EmbeddedFiles.Text);
            var study = new AdviceStudy(
                parsed.GetValue(model) ?? EmbeddedFiles.Model,
                input,
                parsed.GetValue(length)!.Value,
                parsed.GetValue(error) ?? DefaultError,
                parsed.GetValue(lengths) is string list ? LengthList.Parse(list) : null,
                options);
            AdviceReport report;
            using (var progress = new ProgressLine(context))
            {
                report = study.Run(progress, context.CancellationToken);
            }
            Print(context, report);
            context.Out.WriteLine("  " + CommandFor(report, study.TrainedContext, parsed.GetValue(model), parsed.GetValue(text)));
            OutputFiles.WriteJson(parsed.GetValue(json), report);
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, AdviceReport report)
    {
        string lengths = string.Join(" and ", report.MeasuredLengths.Select(n => Numbers.Count(n)));
        context.Out.WriteLine($"{report.Data}; {report.Threads} threads");
        context.Out.WriteLine(
            $"attention of all {report.ModelLayers} layers at n = {Numbers.Count(report.Context)}, "
            + (report.Extrapolated ? $"EXTRAPOLATED from n = {lengths}" : $"measured at n = {lengths}"));
        Table table = Tables.Create(context, "method", "seconds", "grows as", "budget", "relative error", "speed-up");
        foreach (AdviceRow row in report.Methods)
        {
            table.AddPlainRow(
                row.Method,
                Numbers.Seconds(row.Seconds),
                $"n^{Numbers.Fixed(row.SecondsExponent, 2)}",
                Numbers.Fixed(row.Budget, 3),
                Numbers.Fixed(row.RelativeError, 4) + (row.MeetsError ? "" : " >"),
                Numbers.Factor(row.Speedup));
        }
        Tables.Write(context, table);
        context.Out.WriteLine(
            $"measured on layers {string.Join(", ", report.MeasuredLayers)} and scaled to all; relative errors are those at n = "
            + Numbers.Count(report.MeasuredLengths[^1]) + (report.Methods.All(row => row.MeetsError) ? "" : "; > is above the wanted error"));
        if (report.Disturbed)
        {
            context.Out.WriteLine(
                $"note: exact's time grows as n^{Numbers.Fixed(report.Methods[0].SecondsExponent, 2)} instead of n^2: other work has disturbed "
                + "the measurement, so do not rely on these times; run it again on a quiet machine");
        }
        if (report.Context > 2 * report.MeasuredLengths[^1])
        {
            context.Out.WriteLine("note: a prediction so far beyond the measured lengths is rough; --lengths nearer to the context say more");
        }
        context.Out.WriteLine(Sentence(report));
    }

    private static string Sentence(AdviceReport report)
    {
        AdviceRow best = report.Methods.First(row => row.Method == report.Recommended);
        string goal = $"at n = {Numbers.Count(report.Context)} and relative error {Numbers.Short(report.WantedError)}";
        if (best.Method != "exact")
        {
            return $"Recommended {goal}: {best.Method}, {Numbers.Factor(best.Speedup)} exact's speed. Check it with";
        }
        string later = report.FasterFrom is double n
            ? $"; clustered is predicted to pass it from about n = {Numbers.Count((long)n)} on"
            : "; no measured setting of clustered is predicted to pass it";
        return $"Recommended {goal}: exact{later}. Run it with";
    }

    private static string CommandFor(AdviceReport report, int trained, string? model, string? text)
    {
        string command = "prescore perplexity";
        command += model is null ? "" : $" --model {model}";
        command += text is null ? "" : $" --text {text}";
        command += $" --context {report.Context}";
        command += report.Context > trained ? $" --rope yarn:factor={(report.Context + trained - 1) / trained}" : "";
        return command + $" --methods {report.Recommended}";
    }
}
