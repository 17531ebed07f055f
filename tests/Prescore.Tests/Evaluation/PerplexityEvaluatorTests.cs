using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;

namespace Prescore.Tests.Evaluation;

public class PerplexityEvaluatorTests
{
    private static readonly ExactAttention Exact = new();

    [Fact]
    public void Equals_a_naive_softmax_over_all_logits()
    {
        using CausalModel model = CausalModel.Load(SharedData.Golden("gguf", "tiny-llama-f32.gguf"));
        int[] tokens = [.. Enumerable.Range(0, 60).Select(i => (i * 37 + i * i) % model.Configuration.VocabularySize)];
        var evaluator = new PerplexityEvaluator(model, tokens, context: 30, windows: 2, skip: 7);
        PerplexityRun run = evaluator.Run(Exact, AttentionOptions.Default);
        run.NegativeLogLikelihood.Length.ShouldBe(2 * 23);
        for (int window = 0; window < 2; window++)
        {
            double[][] logits = Logits(model, tokens[(window * 30)..(window * 30 + 30)], Exact);
            for (int target = 7; target < 30; target++)
            {
                double[] row = logits[target - 1];
                double expected = Math.Log(row.Sum(Math.Exp)) - row[tokens[window * 30 + target]];
                ((double)run.NegativeLogLikelihood[window * 23 + target - 7]).ShouldBe(expected, 1e-4, $"window {window}, target {target}");
            }
        }
        run.Perplexity.ShouldBe(Math.Exp(run.NegativeLogLikelihood.Average()), 1e-3);
    }

    [Fact]
    public void Divergence_and_top_token_equal_the_naive_ones()
    {
        using CausalModel model = CausalModel.Load(SharedData.Golden("gguf", "tiny-llama-f32.gguf"));
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 91 + 5) % model.Configuration.VocabularySize)];
        var evaluator = new PerplexityEvaluator(model, tokens, context: 40, windows: 1, skip: 0);
        PerplexityRun exact = evaluator.Run(Exact, AttentionOptions.Default);
        IAttention window = AttentionMethods.Create("window:w=3");
        PerplexityRun run = evaluator.Run(window, AttentionOptions.Default, exact);
        double[][] p = Logits(model, tokens, Exact), q = Logits(model, tokens, window);
        double divergence = 0, same = 0;
        for (int i = 0; i < 39; i++)
        {
            double lp = Math.Log(p[i].Sum(Math.Exp)), lq = Math.Log(q[i].Sum(Math.Exp));
            divergence += p[i].Zip(q[i], (x, y) => Math.Exp(x - lp) * (x - lp - y + lq)).Sum() / 39;
            same += Array.IndexOf(p[i], p[i].Max()) == Array.IndexOf(q[i], q[i].Max()) ? 1.0 / 39 : 0;
        }
        run.Divergence.ShouldBe(divergence, 1e-4);
        run.SameTopToken.ShouldBe(same, 1e-9);
        run.Divergence.ShouldBeGreaterThan(1e-3);
        run.NegativeLogLikelihood.ShouldBe(evaluator.Run(window, AttentionOptions.Default).NegativeLogLikelihood);
        PerplexityRun again = evaluator.Run(Exact, AttentionOptions.Default, exact);
        again.Divergence.ShouldBe(0, 1e-6);
        again.SameTopToken.ShouldBe(1);
    }

    [Fact]
    public void Certificates_are_those_of_a_session_a_window()
    {
        using CausalModel model = CausalModel.Load(
            SharedData.Golden("gguf", "tiny-llama-f32.gguf"), new ModelOptions { AllowLong = true });
        int[] tokens = [.. Enumerable.Range(0, 1040).Select(i => (i * 37 + i * i) % model.Configuration.VocabularySize)];
        var evaluator = new PerplexityEvaluator(model, tokens, context: 520, windows: 2, skip: 500);
        IAttention clustered = AttentionMethods.Create("clustered:error=0.3");

        PerplexityRun run = evaluator.Run(clustered, AttentionOptions.Default);

        run.Certificates.Count.ShouldBe(2);
        using var session = new CausalSession(model, clustered, AttentionOptions.Default);
        session.Append(tokens.AsSpan(520), []);
        run.Certificates[1].ShouldBe(session.Certificates);
        session.Certificates.Select(head => (head.Layer, head.Head)).ShouldBe(
            from layer in Enumerable.Range(0, model.Configuration.Layers)
            from head in Enumerable.Range(0, model.Configuration.QueryHeads)
            select (layer, head));
        evaluator.Run(Exact, AttentionOptions.Default).Certificates.ShouldAllBe(window => window.Count == 0);
    }

    [Fact]
    public void The_embedded_model_reproduces_the_reference_likelihoods()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", "short.safetensors"));
        using CausalModel model = CausalModel.Load(Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"));
        int[] tokens = golden.ReadInt32s("input_ids");
        float[] expected = golden.ReadFloats("nll");
        PerplexityRun run = new PerplexityEvaluator(model, tokens, tokens.Length, 1, 0).Run(Exact, AttentionOptions.Default);
        for (int i = 0; i < expected.Length; i++)
        {
            run.NegativeLogLikelihood[i].ShouldBe(expected[i], 1e-3f, $"target {i + 1}");
        }
    }

    [Fact]
    public void Sizes_that_leave_nothing_to_score_are_refused()
    {
        using CausalModel model = CausalModel.Load(SharedData.Golden("gguf", "tiny-llama-f32.gguf"));
        Should.Throw<ArgumentException>(() => new PerplexityEvaluator(model, new int[10], 11, 1, 0)).Message.ShouldContain("11 tokens");
        Should.Throw<ArgumentException>(() => new PerplexityEvaluator(model, new int[10], 10, 1, 10));
        Should.Throw<ArgumentException>(() => new PerplexityEvaluator(model, new int[10], 5, 3, 0));
    }

    private static double[][] Logits(CausalModel model, int[] tokens, IAttention attention)
    {
        var hidden = new float[tokens.Length * model.Configuration.HiddenSize];
        using var session = new CausalSession(model, attention, AttentionOptions.Default);
        session.Append(tokens, hidden);
        var logits = new float[tokens.Length * model.Configuration.VocabularySize];
        model.Logits(hidden, tokens.Length, logits, 1);
        return [.. logits.Chunk(model.Configuration.VocabularySize).Select(row => row.Select(x => (double)x).ToArray())];
    }
}
