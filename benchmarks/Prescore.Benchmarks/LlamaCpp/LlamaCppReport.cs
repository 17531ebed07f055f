namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>What the command measured.</summary>
/// <param name="Threads">Threads of each side.</param>
/// <param name="Native">llama.cpp's library and its instruction sets.</param>
/// <param name="Lines">One a length, file and method.</param>
internal sealed record LlamaCppReport(int Threads, string Native, IReadOnlyList<LlamaCppLine> Lines);

/// <summary>One of our configurations against llama.cpp's best; medians over the turns.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="DecodedTokens">Tokens after it.</param>
/// <param name="File">The file that we ran: "as is", or the type that its weights were rounded to.</param>
/// <param name="Method">Our attention.</param>
/// <param name="Activations">What our linear layers multiplied: "float" or "int8".</param>
/// <param name="PrefillSetting">llama.cpp's setting with the fastest prefill.</param>
/// <param name="DecodeSetting">llama.cpp's setting with the fastest decoding.</param>
/// <param name="OurPrefillSeconds">Ours: the time to the first token.</param>
/// <param name="OurPrefillAttentionSeconds">Of ours, attention.</param>
/// <param name="TheirPrefillSeconds">llama.cpp's.</param>
/// <param name="OurDecodeSeconds">Ours, for all tokens.</param>
/// <param name="OurDecodeAttentionSeconds">Of ours, attention.</param>
/// <param name="TheirDecodeSeconds">llama.cpp's.</param>
/// <param name="Agreement">Of our outputs with those of llama.cpp's setting with the fastest prefill.</param>
internal sealed record LlamaCppLine(
    int PromptTokens, int DecodedTokens, string File, string Method, string Activations, string PrefillSetting, string DecodeSetting,
    double OurPrefillSeconds, double OurPrefillAttentionSeconds, double TheirPrefillSeconds,
    double OurDecodeSeconds, double OurDecodeAttentionSeconds, double TheirDecodeSeconds, OutputAgreement Agreement)
{
    /// <summary>Whether outputs have to agree: the same weights, and our attention is exact.</summary>
    public bool IsLikeForLike(LlamaCppSetting theirs) => File == theirs.File && Method == "exact";
}
