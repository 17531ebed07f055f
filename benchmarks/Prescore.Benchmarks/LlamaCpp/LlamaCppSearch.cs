using System.Globalization;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>llama.cpp's best settings: the one with the fastest prefill and the one with the fastest decoding.</summary>
internal sealed record LlamaCppSearch(LlamaCppSetting Prefill, LlamaCppSetting Decoding)
{
    /// <summary>Both, or the one that is best at both.</summary>
    public IReadOnlyList<LlamaCppSetting> Settings => Prefill == Decoding ? [Prefill] : [Prefill, Decoding];

    /// <summary>Runs a short prompt with every candidate and prints what it takes.</summary>
    public static LlamaCppSearch Run(IReadOnlyList<LlamaCppSetting> candidates, Prompt prompt, int threads)
    {
        if (candidates.Count == 1)
        {
            return new LlamaCppSearch(candidates[0], candidates[0]);
        }
        var runs = new List<(LlamaCppSetting Setting, ModelRun Run)>();
        foreach (LlamaCppSetting setting in candidates)
        {
            using var model = new LlamaCppModel(setting, prompt.Length, threads);
            ModelRun run = model.Run(prompt);
            runs.Add((setting, run));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{setting.Name}: prefill of {prompt.Tokens.Length} {prompt.Tokens.Length / run.PrefillSeconds:F0} tokens/s, decoding after it {prompt.Following.Length / run.DecodeSeconds:F1}"));
        }
        return new LlamaCppSearch(runs.MinBy(run => run.Run.PrefillSeconds).Setting, runs.MinBy(run => run.Run.DecodeSeconds).Setting);
    }
}
