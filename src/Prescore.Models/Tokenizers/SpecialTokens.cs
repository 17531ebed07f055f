namespace Prescore.Models.Tokenizers;

/// <summary>The tokens that begin and end texts.</summary>
/// <param name="Begin">The token that begins a text; null: the model has none.</param>
/// <param name="End">The token that the model's files call the end of a text; null: none.</param>
/// <param name="Ends">Tokens after which a model has said all: end of text and end of a turn.</param>
/// <param name="AddsBegin">Whether prompts start with <paramref name="Begin"/> (<c>add_bos_token</c>).</param>
public sealed record SpecialTokens(int? Begin, int? End, IReadOnlySet<int> Ends, bool AddsBegin)
{
    /// <summary>
    /// Names of control tokens that end a text or a turn in the known chat formats: files often name only one of a model's
    /// two.
    /// </summary>
    private static readonly string[] EndNames =
    [
        "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "<|end|>", "</s>", "<|user|>",
        "<|observation|>",
    ];

    /// <summary>Joins the ends that a file names with the control tokens known as such.</summary>
    /// <param name="begin">The token that begins a text, or null.</param>
    /// <param name="end">The end of a text that the file names, or null.</param>
    /// <param name="ends">Further ends that it names.</param>
    /// <param name="addsBegin">Whether prompts start with it.</param>
    /// <param name="controlId">The id of a control token by its text, or null where it is none.</param>
    internal static SpecialTokens Create(int? begin, int? end, IEnumerable<int> ends, bool addsBegin, Func<string, int?> controlId) =>
        new(begin, end, new HashSet<int>([.. ends, .. end is int one ? [one] : Array.Empty<int>(), .. EndNames.Select(controlId).OfType<int>()]), addsBegin && begin is not null);
}
