using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Agreement;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study agreement</c>: how long greedy continuations stay those of exact attention.</summary>
internal static class AgreementCommand
{
    private static readonly string[] DefaultMethods = ["clustered:error=0.05"];

    private static readonly string HelpNotes = $$"""
        Prompts are cut evenly spaced from the text and continued greedily, with exact attention and with each method. The
        gap is exact's largest logit less its second one where the two part, beside the smallest one of exact's whole
        continuation, and the cost what the method's token has less of exact's log-probability; "moved" is how far the method moves such gaps (root mean square): a choice that was closer than that
        may fall either way.

        --resume FILE keeps finished prompts: the same command goes on where it was stopped.

        {{MethodHelp.Grammar()}}
        Examples:
          prescore study agreement --text book.txt --resume rows.jsonl --json agreement.json
          prescore study agreement --methods clustered:error=0.02 clustered:error=0.1 --prompts 10 --context 4k
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = RunOptions.Text();
        Option<int?> prompts = NumberOptions.Whole("--prompts", "Prompts, evenly spaced over the text. Default: 20.", minimum: 1);
        Option<int?> length = NumberOptions.Whole("--context", "Tokens a prompt. Default: 8000.", minimum: 1);
        Option<int?> tokens = NumberOptions.Whole("--tokens", "Tokens to generate. Default: 64.", minimum: 1);
        Option<string[]> methods = RunOptions.Methods("Methods to compare with exact. Default: clustered:error=0.05.");
        Option<double?> budget = RunOptions.Budget("Budget of the methods without an explicit size. Default: their own sizes.");
        Option<string?> rope = RunOptions.Rope();
        Option<bool> allowLong = RunOptions.AllowLong();
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished prompts in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("every prompt");
        var command = new ToolCommand("agreement", "How long greedy continuations of long prompts stay those of exact attention.", HelpNotes)
        {
            model, text, prompts, length, tokens, methods, budget, rope, allowLong, threads, seed, resume, json,
        };
        command.SetAction(parsed =>
        {
            MethodRequest[] requests =
            [
                .. MethodRequest.Parse(parsed.GetValue(methods) is { Length: > 0 } specs ? specs : DefaultMethods, parsed.GetValue(budget))
                    .Where(request => request.Text != "exact"),
            ];
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? EmbeddedFiles.Text);
            var defaults = new AgreementSettings { ModelPath = parsed.GetValue(model) ?? EmbeddedFiles.Model, Text = input };
            AgreementSettings settings = defaults with
            {
                Prompts = parsed.GetValue(prompts) ?? defaults.Prompts,
                Context = parsed.GetValue(length) ?? defaults.Context,
                Tokens = parsed.GetValue(tokens) ?? defaults.Tokens,
                Rope = RunOptions.Scaling(parsed.GetValue(rope)),
                AllowLong = parsed.GetValue(allowLong),
                StatePath = parsed.GetValue(resume),
            };
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            using AgreementStudy study = AgreementStudy.Prepare(settings, options, context.CancellationToken);
            List<AgreementRow> rows = LongRun.Rows(
                context, progress => study.Run(requests, progress, context.CancellationToken), finished => Print(context, settings, finished));
            if (parsed.GetValue(json) is string path)
            {
                OutputFiles.WriteJson(path, study.Report(rows));
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, AgreementSettings settings, IReadOnlyList<AgreementRow> rows)
    {
        Table table = Tables.Create(context, "method", "prompt at", "same tokens", "gap there", "cost", "smallest gap", "moved", "exact", "method", "same top", "budget");
        foreach (AgreementRow row in rows)
        {
            table.AddPlainRow(
                row.Name,
                Numbers.Count(row.Start),
                $"{row.Same} of {settings.Tokens}",
                row.Gap is double gap ? Numbers.Fixed(gap, 3) : "",
                row.Cost is double cost ? Numbers.Fixed(cost, 3) : "",
                Numbers.Fixed(row.SmallestGap, 3),
                Numbers.Fixed(row.GapChange, 3),
                Quoted(row.ExactToken),
                Quoted(row.MethodToken),
                Numbers.Percent(row.SameTop),
                Numbers.Fixed(row.Budget, 3));
        }
        Tables.Write(context, table);
        foreach (IGrouping<string, AgreementRow> method in rows.GroupBy(row => row.Name))
        {
            int whole = method.Count(row => row.Same == settings.Tokens), parted = method.Count() - whole;
            int close = method.Count(row => row.Gap < row.GapChange);
            context.Out.WriteLine($"{method.Key}: the same {settings.Tokens} tokens in {whole} of {method.Count()} prompts"
                + (parted > 0 ? $"; of the {parted} that part, {close} at a choice closer than the method moves gaps" : ""));
        }
    }

    private static string Quoted(string? token) => token is null ? "" : $"'{token.ReplaceLineEndings("\\n")}'";
}
