namespace Prescore.Generation.Sampling;

/// <summary>The penalty of CTRL (Keskar et al., arXiv 1909.05858): tokens that occurred become less likely.</summary>
internal static class RepetitionPenalty
{
    /// <summary>Applies it once to every token that occurred.</summary>
    public static void Apply(Span<float> logits, ReadOnlySpan<int> occurred, double penalty)
    {
        if (penalty == 1)
        {
            return;
        }
        foreach (int token in new HashSet<int>([.. occurred]))
        {
            logits[token] = (float)(logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty);
        }
    }
}
