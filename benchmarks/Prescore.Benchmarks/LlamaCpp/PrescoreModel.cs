using System.Diagnostics;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Models.Families;
using Prescore.Models.Inference;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>Our side: exact attention, a session of its own for each run.</summary>
internal sealed class PrescoreModel(CausalModel model, int threads) : IDisposable
{
    public ModelRun Run(Prompt prompt)
    {
        using var session = new CausalSession(model, new ExactAttention(), new AttentionOptions { Threads = threads });
        var logits = new float[model.Configuration.VocabularySize];
        var top = new List<int>();
        long began = Stopwatch.GetTimestamp();
        session.Predict(prompt.Tokens, logits);
        double prefill = Stopwatch.GetElapsedTime(began).TotalSeconds;
        top.Add(TensorPrimitives.IndexOfMax<float>(logits));
        began = Stopwatch.GetTimestamp();
        foreach (int token in prompt.Following)
        {
            session.Predict([token], logits);
            top.Add(TensorPrimitives.IndexOfMax<float>(logits));
        }
        return new ModelRun(prefill, Stopwatch.GetElapsedTime(began).TotalSeconds, [.. top]);
    }

    public void Dispose() => model.Dispose();
}
