using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Keys;
using Prescore.Models.Formats.Safetensors;
using Prescore.Scoring;
using Prescore.Specs;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore score</c>: the importance that a scorer gives to a user's own keys.</summary>
internal static class ScoreCommand
{
    private const int DefaultTop = 256;
    private const int ShownKeys = 8;

    private static readonly string HelpNotes = $"""
        FILE holds keys [n,d] or [heads,n,d] of any float type; each head is scored by itself. Clustering uses
        k = min(d + 1, S / 2) clusters. --out writes scores [heads,n] (F32) and top [heads,S] (I32, best first).

        A clustering takes its formula as an option: kmeans:score=far is kmeans-far (sensitivity, far, near, share).

        Scorers: {string.Join(", ", KeyScorers.NamesForKeys)}

        Examples:
          prescore score captured.safetensors --scorer kmeans
          prescore score captured.safetensors --tensor k_pre --scorer leverage --top 128 --out scores.safetensors
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string> file = PathOptions.InputArgument("FILE", "A .safetensors file with keys.");
        var tensor = new Option<string>("--tensor") { Description = "Name of the keys.", HelpName = "NAME", DefaultValueFactory = _ => "k" };
        var scorer = new Option<string>("--scorer") { Description = "The scorer.", HelpName = "NAME[:options]", Required = true };
        Option<int?> top = NumberOptions.Whole("--top", $"How many of the best keys to list. Default: {DefaultTop}.", minimum: 1, "S");
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> output = PathOptions.Output("--out", "Write scores and the best keys as .safetensors.");
        var command = new ToolCommand("score", "Score captured keys: which ones matter whatever the query.", HelpNotes)
        {
            file, tensor, scorer, top, seed, output,
        };
        command.SetAction(parsed =>
        {
            IKeyScorer keyScorer = CreateScorer(parsed.GetValue(scorer)!);
            KeyHeads keys = KeyHeads.Read(parsed.GetValue(file)!, parsed.GetValue(tensor)!);
            int count = Math.Min(parsed.GetValue(top) ?? DefaultTop, keys.Count);
            KeyScores scores = KeyScores.Of(keys, keyScorer, count, parsed.GetValue(seed) ?? 0, context.CancellationToken);
            Print(context, keyScorer, keys, scores);
            if (parsed.GetValue(output) is string path)
            {
                Save(path, keys, scores);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>A scorer from its name, and the formula of a clustering either in it or as an option.</summary>
    private static IKeyScorer CreateScorer(string text)
    {
        MethodSpec spec = MethodSpec.Parse(text);
        string formula = new MethodOptions<string>(spec.Name, "a scorer", "sensitivity")
            .Choice(
                "score", "what a clustering's distances are made of", formula => formula, (_, value) => value,
                ("sensitivity", "sensitivity"), ("far", "far"), ("near", "near"), ("share", "share"))
            .Read(spec);
        return KeyScorers.CreateForKeys(formula == "sensitivity" ? spec.Name : $"{spec.Name}-{formula}");
    }

    private static void Print(ToolContext context, IKeyScorer scorer, KeyHeads keys, KeyScores scores)
    {
        context.Out.WriteLine($"{scorer.Name}: {keys.Heads} heads of {keys.Count} keys, d = {keys.Dimension}");
        Table table = Tables.Create(context, "head", "least", "mean", "greatest", "variation", "best keys");
        for (int head = 0; head < keys.Heads; head++)
        {
            ScoreSummary summary = scores.Summary(head);
            IEnumerable<int> best = scores.Top(head).ToArray().Take(ShownKeys);
            table.AddPlainRow(
                head.ToString(System.Globalization.CultureInfo.InvariantCulture),
                Numbers.Short(summary.Least),
                Numbers.Short(summary.Mean),
                Numbers.Short(summary.Greatest),
                Numbers.Short(summary.Variation) + (summary.IsFlat ? "*" : ""),
                string.Join(' ', best) + (scores.TopCount > ShownKeys ? " …" : ""));
        }
        Tables.Write(context, table);
        if (Enumerable.Range(0, keys.Heads).Any(head => scores.Summary(head).IsFlat))
        {
            context.Out.WriteLine("* flat scores: a selection would take evenly spaced keys");
        }
    }

    private static void Save(string path, KeyHeads keys, KeyScores scores)
    {
        var writer = new SafetensorsWriter();
        writer.Add("scores", scores.AllScores, keys.Heads, keys.Count);
        writer.Add("top", scores.AllTop, keys.Heads, scores.TopCount);
        writer.Save(path);
    }
}
