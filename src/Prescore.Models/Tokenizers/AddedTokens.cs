using System.Buffers;

namespace Prescore.Models.Tokenizers;

/// <summary>A token that is matched in a text before the text is split: a control token or one that a user defined.</summary>
/// <param name="Text">What it looks like in a text; not empty.</param>
/// <param name="Id">Its id.</param>
/// <param name="Control">Whether it is a control token, to be recognised only on demand.</param>
/// <param name="StripsLeft">Whether it takes the white space before it with it.</param>
/// <param name="StripsRight">Whether it takes the white space after it with it.</param>
internal sealed record AddedToken(string Text, int Id, bool Control, bool StripsLeft = false, bool StripsRight = false);

/// <summary>Finds added tokens in a text: the leftmost first, of several at one place the longest.</summary>
internal sealed class AddedTokens
{
    private readonly AddedToken[] _longestFirst;
    private readonly SearchValues<string> _texts;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        _longestFirst = [.. tokens.OrderByDescending(token => token.Text.Length)];
        _texts = SearchValues.Create([.. _longestFirst.Select(token => token.Text)], StringComparison.Ordinal);
    }

    /// <summary>The next token at or after a place.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where to start.</param>
    /// <param name="start">Where the token begins, white space that it takes included; the end of the text where there is none.</param>
    /// <param name="end">Where it ends.</param>
    public AddedToken? Next(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        int found = _longestFirst.Length == 0 ? -1 : text[from..].IndexOfAny(_texts);
        if (found < 0)
        {
            start = end = text.Length;
            return null;
        }
        start = from + found;
        AddedToken token = LongestAt(text[start..]);
        end = start + token.Text.Length;
        for (; token.StripsLeft && start > from && char.IsWhiteSpace(text[start - 1]); start--)
        {
        }
        for (; token.StripsRight && end < text.Length && char.IsWhiteSpace(text[end]); end++)
        {
        }
        return token;
    }

    private AddedToken LongestAt(ReadOnlySpan<char> text)
    {
        foreach (AddedToken token in _longestFirst)
        {
            if (text.StartsWith(token.Text, StringComparison.Ordinal))
            {
                return token;
            }
        }
        throw new InvalidOperationException("the search found a token that is not there");
    }
}
