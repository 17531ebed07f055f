using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>The first tokens of a text of any length, reading little more of it than they take.</summary>
public static class TokenPrefix
{
    private const int FirstCharacters = 1 << 16;

    /// <summary>No token is so long that this many characters a token do not do: what gives fewer has no more.</summary>
    private const int MostCharactersPerToken = 256;

    /// <summary>
    /// Tokens to give up before the place where the text was cut. Between two words a cut moves none; in a text without
    /// words, one long piece, merges near the cut may come out otherwise, but not this far away.
    /// </summary>
    private const int TokensBeforeWordEnd = 8, TokensBeforeBlindCut = 256;

    /// <summary>The first tokens of a text; fewer where it has no more.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="text">The text; read on from where it stands.</param>
    /// <param name="count">Most tokens to return, at least 0.</param>
    /// <returns>The same tokens that the whole text begins with.</returns>
    public static int[] Read(ITokenizer tokenizer, TextReader text, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var read = new StringBuilder();
        long longest = FirstCharacters + MostCharactersPerToken * ((long)count + TokensBeforeBlindCut);
        for (long wanted = FirstCharacters + 8L * count; ; wanted *= 2)
        {
            bool ended = !ReadUpTo(text, read, Math.Min(wanted, longest));
            string prefix = read.ToString();
            if (ended)
            {
                return tokenizer.EncodePrefix(prefix, count);
            }
            int end = LastWordEnd(prefix);
            int kept = (int)Math.Min(int.MaxValue, (long)count + (end > 0 ? TokensBeforeWordEnd : TokensBeforeBlindCut));
            int[] tokens = tokenizer.EncodePrefix(end > 0 ? prefix[..end] : prefix, kept);
            if (tokens.Length >= kept || wanted >= longest)
            {
                return tokens.Length > count ? tokens[..count] : tokens;
            }
        }
    }

    /// <summary>Reads until there are so many characters; false where the text ends before.</summary>
    private static bool ReadUpTo(TextReader text, StringBuilder read, long characters)
    {
        var buffer = new char[FirstCharacters];
        while (read.Length < characters)
        {
            int count = text.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, characters - read.Length)));
            if (count == 0)
            {
                return false;
            }
            read.Append(buffer, 0, count);
        }
        return true;
    }

    /// <summary>The last place in the second half where a word ends and, after one separating character, another begins; 0 without one.</summary>
    private static int LastWordEnd(string text)
    {
        for (int at = text.Length - 2; at > text.Length / 2; at--)
        {
            if (char.IsLetter(text[at - 1]) && char.IsLetter(text[at + 1])
                && (char.IsWhiteSpace(text[at]) || (char.IsPunctuation(text[at]) && text[at] is not ('\'' or '’'))))
            {
                return at;
            }
        }
        return 0;
    }
}
