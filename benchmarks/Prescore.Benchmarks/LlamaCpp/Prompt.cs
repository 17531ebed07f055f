namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>What both sides compute.</summary>
/// <param name="Tokens">The prompt.</param>
/// <param name="Following">The tokens after it, given one by one whatever either side predicts.</param>
internal sealed record Prompt(int[] Tokens, int[] Following)
{
    public int Length => Tokens.Length + Following.Length;
}
