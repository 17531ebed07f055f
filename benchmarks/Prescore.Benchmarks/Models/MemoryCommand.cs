using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Benchmarks.Models;

/// <summary>How long a model takes to load, and the most memory that the process held after a long prompt, against a bound.</summary>
internal static class MemoryCommand
{
    private const double Mebibyte = 1 << 20;

    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "GGUF file." };
        var text = new Argument<FileInfo>("TEXT") { Description = "Text whose first tokens are the prompt." };
        Option<int> threads = CommonOptions.Threads();
        var length = new Option<int>("--tokens") { Description = "Tokens of the prompt.", DefaultValueFactory = _ => 8192 };
        var method = new Option<string>("--method") { Description = "Attention method.", DefaultValueFactory = _ => "exact" };
        var factor = new Option<double>("--file-factor") { Description = "Part of the bound: this times the file.", DefaultValueFactory = _ => 1 };
        var slack = new Option<double>("--slack") { Description = "Part of the bound: MiB beyond the file and the cache.", DefaultValueFactory = _ => 150 };
        CommonOptions.RequireAtLeastOne(length);
        var command = new Command("memory", "A model's loading time and peak memory.") { model, text, threads, length, method, factor, slack };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!, parsed.GetValue(text)!, parsed.GetValue(threads), parsed.GetValue(length), parsed.GetValue(method)!,
            parsed.GetValue(factor), parsed.GetValue(slack)));
        return command;
    }

    private static int Run(FileInfo path, FileInfo text, int threads, int length, string method, double factor, double slack)
    {
        int[] tokens;
        using (GgufFile file = GgufFile.Open(path.FullName))
        {
            tokens = GgufTokenizer.FromGguf(file).EncodePrefix(File.ReadAllText(text.FullName), length);
        }
        long began = Stopwatch.GetTimestamp();
        using CausalModel model = CausalModel.Load(path.FullName, new ModelOptions { Threads = threads });
        double load = Stopwatch.GetElapsedTime(began).TotalSeconds;
        using var session = new CausalSession(model, AttentionMethods.Create(method), new AttentionOptions { Threads = threads });
        session.Predict(tokens, new float[model.Configuration.VocabularySize]);
        double resident = Process.GetCurrentProcess().PeakWorkingSet64 / Mebibyte;
        double bound = factor * path.Length / Mebibyte + session.CacheBytes / Mebibyte + slack;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{tokens.Length} tokens, {method}: loaded in {load:F3} s; peak resident {resident:F0} MiB, bound {bound:F0} MiB "
            + $"= {factor:G3} x file {path.Length / Mebibyte:F0} + cache {session.CacheBytes / Mebibyte:F0} + {slack:F0}"));
        return resident <= bound ? 0 : 1;
    }
}
