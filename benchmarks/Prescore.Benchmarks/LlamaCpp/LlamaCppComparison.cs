using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Kernels;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>Runs both sides in turns on one prompt.</summary>
internal sealed class LlamaCppComparison(
    LlamaCppSearch best, string model, IReadOnlyList<IAttention> methods, IReadOnlyList<ActivationPrecision> precisions, int threads)
{
    /// <summary>A short run before the timed ones.</summary>
    private const int WarmUpTokens = 64;

    /// <summary>Our file as it is with every method, and llama.cpp's best file with exact attention, whose outputs are to be the same; each with every precision of activations.</summary>
    public IReadOnlyList<LlamaCppLine> Run(Prompt prompt, int turns)
    {
        var theirs = best.Settings.ToDictionary(setting => setting, _ => new List<ModelRun>());
        List<(string File, IAttention Method)> configurations = [.. methods.Select(method => (LlamaCppSetting.AsIs, method))];
        if (best.Prefill.File != LlamaCppSetting.AsIs || !methods.Any(method => method is ExactAttention))
        {
            configurations.Add((best.Prefill.File, new ExactAttention()));
        }
        List<(string File, IAttention Method, ActivationPrecision Activations, List<ModelRun> Runs)> ours =
            [.. from configuration in configurations from precision in precisions select (configuration.File, configuration.Method, precision, new List<ModelRun>())];
        for (int turn = 0; turn < turns; turn++)
        {
            foreach ((LlamaCppSetting setting, List<ModelRun> runs) in theirs)
            {
                using var llama = new LlamaCppModel(setting, prompt.Length, threads);
                llama.Run(WarmUp(prompt));
                runs.Add(llama.Run(prompt));
            }
            foreach ((string file, IAttention method, ActivationPrecision activations, List<ModelRun> runs) in ours)
            {
                using var prescore = new PrescoreModel(file == LlamaCppSetting.AsIs ? model : best.Prefill.Path, method, activations, threads);
                prescore.Run(WarmUp(prompt));
                runs.Add(prescore.Run(prompt));
            }
        }
        ModelRun prefill = ModelRun.Median(theirs[best.Prefill]), decoding = ModelRun.Median(theirs[best.Decoding]);
        return [.. ours.Select(line => Line(prompt, line.File, line.Method.Spec, line.Activations, ModelRun.Median(line.Runs), prefill, decoding))];
    }

    private LlamaCppLine Line(Prompt prompt, string file, string method, ActivationPrecision activations, ModelRun ours, ModelRun prefill, ModelRun decoding) => new(
        prompt.Tokens.Length, prompt.Following.Length, file, method, activations.ToString().ToLowerInvariant(), best.Prefill.Name, best.Decoding.Name,
        ours.PrefillSeconds, ours.PrefillAttentionSeconds, prefill.PrefillSeconds,
        ours.DecodeSeconds, ours.DecodeAttentionSeconds, Math.Min(prefill.DecodeSeconds, decoding.DecodeSeconds),
        OutputAgreement.Of(prefill.Logits, ours.Logits));

    private static Prompt WarmUp(Prompt prompt) => new(prompt.Tokens[..Math.Min(WarmUpTokens, prompt.Tokens.Length)], prompt.Following[..1]);
}
