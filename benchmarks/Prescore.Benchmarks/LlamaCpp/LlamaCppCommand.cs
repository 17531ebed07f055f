using System.CommandLine;
using System.Globalization;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Tokenizers;
using Spectre.Console;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>Prefill and decoding of a whole model against llama.cpp's best, in one process, in turns, on the same tokens.</summary>
internal static class LlamaCppCommand
{
    /// <summary>Share of one core that other processes may take while a case runs.</summary>
    private const double ForeignLoad = 0.05;

    private static readonly GgmlType[] FileTypes = [GgmlType.Q4_0, GgmlType.Q8_0, GgmlType.F16];

    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "GGUF file that both sides run." };
        var text = new Argument<FileInfo>("TEXT") { Description = "Text whose first tokens are the prompt." };
        Option<int> threads = CommonOptions.Threads();
        var length = new Option<int>("--tokens") { Description = "Tokens of the prompt.", DefaultValueFactory = _ => 2048 };
        var decode = new Option<int>("--decode") { Description = "Tokens decoded one by one after it.", DefaultValueFactory = _ => 32 };
        var turns = new Option<int>("--turns") { Description = "Timed turns of each side.", DefaultValueFactory = _ => 2 };
        var settings = new Option<string>("--settings") { Description = "Only llama.cpp's settings whose name contains this text.", DefaultValueFactory = _ => "" };
        var json = new Option<FileInfo?>("--json") { Description = "Write the report to this file." };
        CommonOptions.RequireAtLeastOne(length);
        CommonOptions.RequireAtLeastOne(turns);
        CommonOptions.RequireAtLeastOne(decode);
        var command = new Command("llamacpp", "A model's prefill and decoding against llama.cpp.") { model, text, threads, length, decode, turns, settings, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!, parsed.GetValue(text)!, parsed.GetValue(threads), parsed.GetValue(length), parsed.GetValue(decode),
            parsed.GetValue(turns), parsed.GetValue(settings)!, parsed.GetValue(json)));
        return command;
    }

    private static int Run(FileInfo model, FileInfo text, int threads, int length, int decode, int turns, string only, FileInfo? json)
    {
        LlamaCppModel.Quieten();
        using GgufFile file = GgufFile.Open(model.FullName);
        int[] tokens = GgufTokenizer.FromGguf(file).EncodePrefix(File.ReadAllText(text.FullName), length + decode);
        if (tokens.Length < length + decode)
        {
            Console.Error.WriteLine($"the text has {tokens.Length} tokens, {length + decode} are needed");
            return 2;
        }
        var prompt = new Prompt(tokens[..length], tokens[length..]);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("prescore-llamacpp-");
        try
        {
            List<LlamaCppSetting> candidates = [.. Settings(file, folder.FullName).Where(setting => setting.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
            if (candidates.Count == 0)
            {
                Console.Error.WriteLine($"no setting's name contains '{only}'");
                return 2;
            }
            var load = ForeignProcesses.Start();
            using CausalModel ours = CausalModel.Load(model.FullName, new ModelOptions { Threads = threads });
            LlamaCppReport report = Compare(ours, candidates, prompt, threads, turns);
            double foreign = load.CoresTaken();
            if (foreign > ForeignLoad)
            {
                Console.Error.WriteLine($"other processes took {foreign:F2} cores: llama.cpp's threads spin while they wait, so its times would be too long; not reported");
                return 1;
            }
            Print(report);
            if (json is not null)
            {
                JsonReport.Write(json, report);
            }
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The file as it is, and the types made from the same weights, each with flash attention on and off and two batch sizes.</summary>
    private static IEnumerable<LlamaCppSetting> Settings(GgufFile file, string folder)
    {
        foreach ((string name, Func<string> path) in FileTypes
            .Select(type => (type.ToString(), (Func<string>)(() => RetypedModel.Write(file, type, folder))))
            .Prepend(("as is", () => file.Path)))
        {
            foreach (bool flash in new[] { true, false })
            {
                foreach (int batch in new[] { 2048, 512 })
                {
                    yield return new LlamaCppSetting($"{name}, flash {(flash ? "on" : "off")}, batch {batch}", path, flash, batch);
                }
            }
        }
    }

    private static LlamaCppReport Compare(CausalModel ours, List<LlamaCppSetting> candidates, Prompt prompt, int threads, int turns)
    {
        using var prescore = new PrescoreModel(ours, threads);
        prescore.Run(prompt);
        LlamaCppSetting best = candidates.Count == 1 ? candidates[0] : Best(candidates, prompt, threads);
        using var llama = new LlamaCppModel(best, prompt.Length, threads);
        llama.Run(prompt);
        var ourRuns = new List<ModelRun>();
        var theirRuns = new List<ModelRun>();
        for (int turn = 0; turn < turns; turn++)
        {
            ourRuns.Add(prescore.Run(prompt));
            theirRuns.Add(llama.Run(prompt));
        }
        return new LlamaCppReport(
            threads, prompt.Tokens.Length, prompt.Following.Length, best.Name, LlamaCppModel.SystemInformation(),
            Median(ourRuns, run => run.PrefillSeconds), Median(theirRuns, run => run.PrefillSeconds),
            Median(ourRuns, run => run.DecodeSeconds), Median(theirRuns, run => run.DecodeSeconds),
            ourRuns[0].SameTop(theirRuns[0]));
    }

    /// <summary>The setting with the fastest prefill.</summary>
    private static LlamaCppSetting Best(List<LlamaCppSetting> candidates, Prompt prompt, int threads)
    {
        (LlamaCppSetting Setting, double Seconds) best = (candidates[0], double.PositiveInfinity);
        foreach (LlamaCppSetting setting in candidates)
        {
            using var model = new LlamaCppModel(setting, prompt.Length, threads);
            ModelRun run = model.Run(prompt);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{setting.Name}: prefill {prompt.Tokens.Length / run.PrefillSeconds:F0} tokens/s, decoding {prompt.Following.Length / run.DecodeSeconds:F1}"));
            best = run.PrefillSeconds < best.Seconds ? (setting, run.PrefillSeconds) : best;
        }
        return best.Setting;
    }

    private static double Median(List<ModelRun> runs, Func<ModelRun, double> seconds)
    {
        double[] sorted = [.. runs.Select(seconds).Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static void Print(LlamaCppReport report)
    {
        Console.WriteLine($"{report.Threads} threads; Prescore {SimdPaths.Best}; llama.cpp ({report.Setting}): {report.Native}");
        Table table = ReportTable.Create("", "ours tokens/s", "llama.cpp tokens/s", "ratio");
        Row(table, $"prefill of {report.PromptTokens}", report.PromptTokens, report.OurPrefillSeconds, report.TheirPrefillSeconds);
        Row(table, $"decoding {report.DecodedTokens} after it", report.DecodedTokens, report.OurDecodeSeconds, report.TheirDecodeSeconds);
        ReportTable.Write(table);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"time to first token {report.OurPrefillSeconds:F2} s, llama.cpp {report.TheirPrefillSeconds:F2} s; same top token at {report.SameTop:P0} of the decoded positions"));
    }

    private static void Row(Table table, string name, int tokens, double ours, double theirs)
    {
        string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
        table.AddRow(name, Number(tokens / ours, "F1"), Number(tokens / theirs, "F1"), Number(theirs / ours, "F2"));
    }
}
