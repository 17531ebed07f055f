using Prescore.Attention.Contracts;
using Prescore.Models.Inference;

namespace Prescore.Models.Evaluation;

/// <summary>What one method did on the scored targets of all windows.</summary>
public sealed record PerplexityRun
{
    /// <summary>−ln p(target | all before it) in nats, window after window, a number a scored target.</summary>
    public required float[] NegativeLogLikelihood { get; init; }

    /// <summary>Mean of <see cref="NegativeLogLikelihood"/>.</summary>
    public double MeanNll => NegativeLogLikelihood.Average(nll => (double)nll);

    /// <summary>e^(mean NLL).</summary>
    public double Perplexity => Math.Exp(MeanNll);

    /// <summary>Mean KL(exact‖method) of the predictions in nats; 0 for exact itself.</summary>
    public required double Divergence { get; init; }

    /// <summary>Fraction of predictions whose most likely token is exact's; 1 for exact itself.</summary>
    public required double SameTopToken { get; init; }

    /// <summary>Attention's work over all layers and windows.</summary>
    public required AttentionReport Attention { get; init; }

    /// <summary>
    /// The certificates of each window, see <see cref="CausalSession.Certificates"/>; empty lists for methods that do not
    /// measure their own error. Windows are independent sequences: their certificates stay apart.
    /// </summary>
    public required IReadOnlyList<IReadOnlyList<HeadCertificate>> Certificates { get; init; }

    /// <summary>Wall seconds of the model's forward pass, head and likelihoods included, comparisons with exact aside.</summary>
    public required double Seconds { get; init; }

    /// <summary>Final hidden states of the predicting positions, a [targets, hidden] array a window; kept for exact alone.</summary>
    internal float[][]? Hidden { get; init; }
}
