namespace Prescore.Experiments.Needle;

/// <summary>One question to one haystack with one method.</summary>
/// <param name="Spec">The method.</param>
/// <param name="Length">Tokens of the haystack.</param>
/// <param name="Haystack">Number of the haystack.</param>
/// <param name="Depth">Place of the needle, 0 at the beginning.</param>
/// <param name="Found">Whether the answer is likelier than those of all other needles.</param>
/// <param name="Greedy">Whether it is the likeliest of the whole vocabulary.</param>
/// <param name="LogLikelihood">ln p(answer | haystack, question), nats.</param>
/// <param name="Budget">Interactions of the haystack's prefill ÷ exact's.</param>
public sealed record NeedleTrial(string Spec, int Length, int Haystack, int Depth, bool Found, bool Greedy, double LogLikelihood, double Budget);
