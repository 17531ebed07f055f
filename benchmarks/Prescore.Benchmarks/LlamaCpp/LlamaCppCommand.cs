using System.CommandLine;
using System.Globalization;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;
using Spectre.Console;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>Prefill and decoding of a whole model against llama.cpp's best, in one process, in turns, on the same tokens.</summary>
internal static class LlamaCppCommand
{
    /// <summary>Share of one core that other processes may take while the command runs.</summary>
    private const double ForeignLoad = 0.05;

    /// <summary>
    /// Largest mean divergence, in nats, between both sides' outputs with the same weights: llama.cpp rounds activations to
    /// eight bits and its cache to sixteen. A wrong rotation or a shifted prompt costs some nats.
    /// </summary>
    private const double LargestDivergence = 0.1;

    private const int SearchTokens = 1024;
    private const int SearchDecoded = 16;

    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "GGUF file that both sides run." };
        var text = new Argument<FileInfo>("TEXT") { Description = "Text whose first tokens are the prompt." };
        Option<int> threads = CommonOptions.Threads();
        var lengths = new Option<int[]>("--tokens") { Description = "Tokens of the prompts.", DefaultValueFactory = _ => [2048], AllowMultipleArgumentsPerToken = true };
        var methods = new Option<string[]>("--methods") { Description = "Our attention.", DefaultValueFactory = _ => ["exact"], AllowMultipleArgumentsPerToken = true };
        var activations = new Option<ActivationPrecision[]>("--activations")
        {
            Description = "What our linear layers multiply: float, int8 or both.",
            DefaultValueFactory = _ => [ActivationPrecision.Float],
            AllowMultipleArgumentsPerToken = true,
        };
        var decode = new Option<int>("--decode") { Description = "Tokens decoded one by one after a prompt.", DefaultValueFactory = _ => 32 };
        var turns = new Option<int>("--turns") { Description = "Timed turns of each side.", DefaultValueFactory = _ => 2 };
        var settings = new Option<string>("--settings") { Description = "Only llama.cpp's settings whose name contains this text.", DefaultValueFactory = _ => "" };
        var search = new Option<bool>("--search") { Description = "Only search llama.cpp's best settings." };
        var json = new Option<FileInfo?>("--json") { Description = "Write the report to this file." };
        CommonOptions.RequireAtLeastOne(turns);
        CommonOptions.RequireAtLeastOne(decode);
        var command = new Command("llamacpp", "A model's prefill and decoding against llama.cpp.") { model, text, threads, lengths, methods, activations, decode, turns, settings, search, json };
        command.SetAction(parsed => Run(
            new Request(
                parsed.GetValue(model)!, parsed.GetValue(text)!, parsed.GetValue(threads), parsed.GetValue(lengths)!,
                [.. parsed.GetValue(methods)!.Select(AttentionMethods.Create)], parsed.GetValue(activations)!,
                parsed.GetValue(decode), parsed.GetValue(turns), parsed.GetValue(settings)!, parsed.GetValue(search)),
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(Request request, FileInfo? json)
    {
        LlamaCppModel.Quieten();
        using GgufFile file = GgufFile.Open(request.Model.FullName);
        int longest = Math.Max(request.Lengths.Max(), SearchTokens) + Math.Max(request.Decoded, SearchDecoded);
        int[] tokens = GgufTokenizer.FromGguf(file).EncodePrefix(File.ReadAllText(request.Text.FullName), longest);
        if (tokens.Length < longest || request.Lengths.Min() < 1)
        {
            return Refuse(2, $"prompts have 1 to {tokens.Length - request.Decoded} tokens of this text");
        }
        DirectoryInfo folder = Directory.CreateTempSubdirectory("prescore-llamacpp-");
        try
        {
            List<LlamaCppSetting> candidates = [.. LlamaCppSetting.All(file, folder.FullName).Where(setting => setting.Name.Contains(request.Settings, StringComparison.OrdinalIgnoreCase))];
            if (candidates.Count == 0)
            {
                return Refuse(2, $"no setting's name contains '{request.Settings}'");
            }
            Prepare(candidates);
            return Measure(request, candidates, tokens, json);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Writes the copies of the file, before anything is timed.</summary>
    private static void Prepare(List<LlamaCppSetting> candidates)
    {
        foreach (LlamaCppSetting setting in candidates)
        {
            _ = setting.Path;
        }
    }

    private static int Measure(Request request, List<LlamaCppSetting> candidates, int[] tokens, FileInfo? json)
    {
        var load = ForeignProcesses.Start();
        LlamaCppSearch best = LlamaCppSearch.Run(candidates, Cut(tokens, SearchTokens, SearchDecoded), request.Threads);
        var comparison = new LlamaCppComparison(best, request.Model.FullName, request.Methods, request.Activations, request.Threads);
        List<LlamaCppLine> lines = request.SearchOnly ? [] : [.. request.Lengths.SelectMany(length => comparison.Run(Cut(tokens, length, request.Decoded), request.Turns))];
        double foreign = load.CoresTaken();
        if (foreign > ForeignLoad)
        {
            return Refuse(1, string.Create(CultureInfo.InvariantCulture, $"other processes took {foreign:F2} cores: llama.cpp's threads spin while they wait, so its times would be too long; not reported"));
        }
        if (lines.Find(line => line.IsLikeForLike(best.Prefill) && !(line.Agreement.Divergence <= LargestDivergence)) is LlamaCppLine wrong)
        {
            return Refuse(1, string.Create(
                CultureInfo.InvariantCulture,
                $"with the same weights outputs after {wrong.PromptTokens} tokens diverge by {wrong.Agreement.Divergence:G3} nats, more than {LargestDivergence}; not reported"));
        }
        var report = new LlamaCppReport(request.Threads, LlamaCppModel.SystemInformation(), lines);
        Print(report, best);
        if (json is not null)
        {
            JsonReport.Write(json, report);
        }
        return 0;
    }

    private static Prompt Cut(int[] tokens, int length, int decoded) => new(tokens[..length], tokens[length..(length + decoded)]);

    private static int Refuse(int code, string reason)
    {
        Console.Error.WriteLine(reason);
        return code;
    }

    private static void Print(LlamaCppReport report, LlamaCppSearch best)
    {
        Console.WriteLine($"{report.Threads} threads; Prescore {SimdPaths.Best}; llama.cpp: {report.Native}");
        Console.WriteLine($"llama.cpp's fastest prefill: {best.Prefill.Name}; fastest decoding: {best.Decoding.Name}");
        if (report.Lines.Count == 0)
        {
            return;
        }
        Table table = ReportTable.Create(
            "prompt", "our file", "method", "activations", "prefill tokens/s", "llama.cpp", "ratio", "first token s", "llama.cpp", "attention", "decoding tokens/s", "llama.cpp", "ratio", "attention", "same top", "KL nats");
        foreach (LlamaCppLine line in report.Lines)
        {
            table.AddRow(
                $"{line.PromptTokens}", line.File, line.Method, line.Activations,
                Number(line.PromptTokens / line.OurPrefillSeconds, "F0"), Number(line.PromptTokens / line.TheirPrefillSeconds, "F0"), Number(line.TheirPrefillSeconds / line.OurPrefillSeconds, "F2"),
                Number(line.OurPrefillSeconds, "F2"), Number(line.TheirPrefillSeconds, "F2"), Number(line.OurPrefillAttentionSeconds / line.OurPrefillSeconds, "P0"),
                Number(line.DecodedTokens / line.OurDecodeSeconds, "F1"), Number(line.DecodedTokens / line.TheirDecodeSeconds, "F1"), Number(line.TheirDecodeSeconds / line.OurDecodeSeconds, "F2"),
                Number(line.OurDecodeAttentionSeconds / line.OurDecodeSeconds, "P0"),
                Number(line.Agreement.SameTop, "P0"), Number(line.Agreement.Divergence, "G2"));
        }
        ReportTable.Write(table);
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private sealed record Request(
        FileInfo Model, FileInfo Text, int Threads, int[] Lengths, IAttention[] Methods, ActivationPrecision[] Activations, int Decoded, int Turns, string Settings, bool SearchOnly);
}
