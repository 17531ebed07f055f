using Prescore.Models.Formats.Gguf;

namespace Prescore.Benchmarks.Models;

/// <summary>
/// A byte-level vocabulary of Llama 3's size: the bytes, as many merges of short lower-case pieces as fit, and 256 special
/// tokens. Texts become about three letters a token.
/// </summary>
internal static class RandomVocabulary
{
    public const int Size = 128256;

    private const int SpecialTokens = 256;

    /// <summary>Values of <c>tokenizer.ggml.token_type</c>.</summary>
    private const int Normal = 1, Control = 3;

    public static void AddTo(GgufWriter writer)
    {
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(value => Character((byte)value).ToString())];
        List<string> merges = [];
        string[] letters = [Character((byte)' ').ToString(), .. Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString())];
        // Pieces of two letters, of three, of four: each is a shorter one and a letter.
        for (IReadOnlyList<string> shorter = letters; tokens.Count < Size - SpecialTokens;)
        {
            string[] longer = [.. shorter.SelectMany(piece => letters.Select(letter => piece + letter)).Take(Size - SpecialTokens - tokens.Count)];
            tokens.AddRange(longer);
            merges.AddRange(longer.Select(piece => $"{piece[..^1]} {piece[^1]}"));
            shorter = longer;
        }
        int begin = tokens.Count;
        tokens.AddRange(Enumerable.Range(0, SpecialTokens).Select(i => i switch
        {
            0 => "<|begin_of_text|>",
            1 => "<|end_of_text|>",
            _ => $"<|reserved_special_token_{i}|>",
        }));
        writer.AddMetadata("tokenizer.ggml.model", "gpt2");
        writer.AddMetadata("tokenizer.ggml.pre", "llama-bpe");
        writer.AddMetadata("tokenizer.ggml.tokens", tokens.ToArray());
        writer.AddMetadata("tokenizer.ggml.token_type", tokens.Select((_, id) => id < begin ? Normal : Control).ToArray());
        writer.AddMetadata("tokenizer.ggml.merges", merges.ToArray());
        writer.AddMetadata("tokenizer.ggml.bos_token_id", (uint)begin);
        writer.AddMetadata("tokenizer.ggml.eos_token_id", (uint)begin + 1);
    }

    /// <summary>GPT-2's character for a byte: itself where Latin-1 shows it, else the next free one from 256 on.</summary>
    private static char Character(byte value)
    {
        static bool IsShown(int code) => code is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
        return IsShown(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(code => !IsShown(code)));
    }
}
