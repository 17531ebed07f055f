using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Layers;

namespace Prescore.Experiments.Budget;

/// <summary>The methods on one window of one text, beside exact.</summary>
internal sealed class WindowRuns : IDisposable
{
    private readonly CausalModel _model;
    private readonly PerplexityEvaluator _evaluator;
    private readonly AttentionOptions _options;
    private readonly PerplexityRun _exact;
    private readonly int _length;

    private WindowRuns(CausalModel model, PerplexityEvaluator evaluator, AttentionOptions options, PerplexityRun exact, int length) =>
        (_model, _evaluator, _options, _exact, _length) = (model, evaluator, options, exact, length);

    /// <summary>Loads the model, its positions scaled where the window is longer than the trained context, and runs exact.</summary>
    public static WindowRuns Load(
        string modelPath, int[] tokens, int length, ModelSize size, AttentionOptions options, IProgress<StudyProgress> progress, CancellationToken cancellationToken)
    {
        RopeScaling? scaling = length > size.Configuration.TrainedContext ? new YarnScaling((double)length / size.Configuration.TrainedContext) : null;
        CausalModel model = CausalModel.Load(
            modelPath, new ModelOptions { Rope = scaling, AllowLong = true, Threads = options.Threads, Simd = options.Simd }, cancellationToken);
        try
        {
            MemoryEstimate.OfSequence(model, length, Math.Min(length, CausalSession.PieceTokens)).Require(MemoryEstimate.Available());
            int skip = length > PerplexitySettings.DefaultSkip ? PerplexitySettings.DefaultSkip : length / 4;
            var evaluator = new PerplexityEvaluator(model, tokens, length, windows: 1, skip);
            PerplexityRun exact = evaluator.Run(new ExactAttention(), options, null, new NamedProgress(new PartialProgress(progress, 0, 0), $"exact, n = {length}"), cancellationToken);
            return new WindowRuns(model, evaluator, options, exact, length);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs one cell.</summary>
    public BudgetCell Run(BudgetCellPlan cell, string text, string textSha256, CancellationToken cancellationToken)
    {
        PerplexityRun run = _evaluator.Run(cell.Attention, _options with { Seed = cell.Seed }, _exact, progress: null, cancellationToken);
        float[] own = run.NegativeLogLikelihood, exact = _exact.NegativeLogLikelihood;
        PairedDifference difference = PairedDifference.Of(own, exact, _evaluator.TargetsPerWindow);
        return new BudgetCell
        {
            Text = text,
            TextSha256 = textSha256,
            N = _length,
            Seed = cell.Seed,
            Name = cell.Method.Text,
            Spec = cell.Attention.Spec,
            WantedBudget = cell.Method.Budget,
            Budget = run.Attention.Budget,
            Targets = own.Length,
            ExactNll = _exact.MeanNll,
            Nll = run.MeanNll,
            DeltaNll = difference.Mean,
            DeltaNllSe = difference.StandardError,
            Kl = run.Divergence,
            Top1 = run.SameTopToken,
            AttentionSeconds = run.Attention.Seconds,
            BlockSums = [.. own.Zip(exact, (a, b) => (double)a - b).Chunk(PairedDifference.BlockTokens).Select(block => Math.Round(block.Sum(), 6))],
        };
    }

    public void Dispose() => _model.Dispose();
}
