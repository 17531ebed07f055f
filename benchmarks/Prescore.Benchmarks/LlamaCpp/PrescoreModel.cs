using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Inference;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>Our side: a session of its own for each run. llama.cpp does not stop at the trained context either.</summary>
internal sealed class PrescoreModel(string path, IAttention method, ActivationPrecision activations, int threads) : IDisposable
{
    private readonly CausalModel _model = CausalModel.Load(path, new ModelOptions { Threads = threads, Activations = activations, AllowLong = true });

    public ModelRun Run(Prompt prompt)
    {
        using var session = new CausalSession(_model, method, new AttentionOptions { Threads = threads });
        var logits = new List<float[]>();
        long began = Stopwatch.GetTimestamp();
        Predict(prompt.Tokens);
        double prefill = Stopwatch.GetElapsedTime(began).TotalSeconds, prefillAttention = session.Attention.Seconds;
        began = Stopwatch.GetTimestamp();
        foreach (int token in prompt.Following)
        {
            Predict([token]);
        }
        return new ModelRun(prefill, Stopwatch.GetElapsedTime(began).TotalSeconds, [.. logits])
        {
            PrefillAttentionSeconds = prefillAttention,
            DecodeAttentionSeconds = session.Attention.Seconds - prefillAttention,
        };

        void Predict(ReadOnlySpan<int> tokens)
        {
            logits.Add(new float[_model.Configuration.VocabularySize]);
            session.Predict(tokens, logits[^1]);
        }
    }

    public void Dispose() => _model.Dispose();
}
