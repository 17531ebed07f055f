namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>What both sides compute.</summary>
/// <param name="Tokens">The prompt.</param>
/// <param name="Following">The tokens after it, given one by one whatever either side predicts.</param>
internal sealed record Prompt(int[] Tokens, int[] Following)
{
    public int Length => Tokens.Length + Following.Length;
}

/// <summary>One run of one side.</summary>
/// <param name="PrefillSeconds">Until the logits after the prompt.</param>
/// <param name="DecodeSeconds">For all following tokens, logits included.</param>
/// <param name="Top">Token with the largest logit after the prompt and after each following token.</param>
internal sealed record ModelRun(double PrefillSeconds, double DecodeSeconds, int[] Top)
{
    /// <summary>Share of the positions at which both sides predict the same token.</summary>
    public double SameTop(ModelRun other) => Top.Zip(other.Top).Count(pair => pair.First == pair.Second) / (double)Top.Length;
}

/// <summary>A way to run llama.cpp.</summary>
/// <param name="Name">What the report calls it.</param>
/// <param name="Path">Gives the model's file, made when it is first asked for.</param>
/// <param name="FlashAttention">Whether its fused attention is on.</param>
/// <param name="Batch">Tokens it takes at a time.</param>
internal sealed record LlamaCppSetting(string Name, Func<string> Path, bool FlashAttention, int Batch);

/// <summary>Medians over the turns.</summary>
internal sealed record LlamaCppReport(
    int Threads, int PromptTokens, int DecodedTokens, string Setting, string Native,
    double OurPrefillSeconds, double TheirPrefillSeconds, double OurDecodeSeconds, double TheirDecodeSeconds, double SameTop);
