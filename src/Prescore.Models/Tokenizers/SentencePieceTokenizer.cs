using System.Globalization;
using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// SentencePiece's byte-pair model (Kudo and Richardson, arXiv 1808.06226; Llama 2, ChatGLM, Gemma): characters are
/// merged by the scores of the pieces that they make, spaces are written ▁, and what has no piece falls back to bytes.
/// </summary>
internal sealed class SentencePieceTokenizer : ITokenizer
{
    private const char Space = '▁';

    private readonly SentencePieceVocabulary _vocabulary;
    private readonly int[] _tokenOfByte;
    private readonly AddedTokens _userDefined;
    private readonly AddedTokens _all;
    private readonly HashSet<int> _literal;
    private readonly bool _spacesLead;

    public SentencePieceTokenizer(SentencePieceVocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _tokenOfByte = [.. Enumerable.Range(0, 256).Select(value => ByteToken(vocabulary, value))];
        _userDefined = new AddedTokens(vocabulary.Added.Where(token => !token.Control));
        _all = new AddedTokens(vocabulary.Added);
        _literal = [.. vocabulary.Added.Select(token => token.Id)];
        _spacesLead = Enumerable.Range(0, vocabulary.Tokens.Length).All(id =>
            vocabulary.IsByte[id] || _literal.Contains(id) || !vocabulary.Tokens[id].AsSpan().TrimStart(Space).Contains(Space));
    }

    public int VocabularySize => _vocabulary.Tokens.Length;

    public SpecialTokens Special => _vocabulary.Special;

    public bool PrependsSpace => _vocabulary.PrependsSpace;

    public int[] EncodePrefix(string text, int maxTokens, bool special = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfNegative(maxTokens);
        AddedTokens added = special ? _all : _userDefined;
        var ids = new List<int>();
        var encoder = new SentencePieceEncoder(_vocabulary, _tokenOfByte);
        bool begins = PrependsSpace;
        for (int at = 0; at < text.Length && ids.Count < maxTokens;)
        {
            AddedToken? token = added.Next(text, at, out int start, out int end);
            if (start > at)
            {
                AppendPlain(text.AsSpan(at, start - at), begins, encoder, ids, maxTokens);
                begins = false;
            }
            if (token is not null && ids.Count < maxTokens)
            {
                ids.Add(token.Id);
                // A control token ends what is before it: the text after it begins anew.
                begins = PrependsSpace && token.Control;
            }
            at = end;
        }
        return [.. ids.Take(maxTokens)];
    }

    public void AppendBytes(int id, List<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        string token = _vocabulary.Tokens[id];
        if (_vocabulary.IsByte[id])
        {
            bytes.Add(byte.Parse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
        else
        {
            ByteAlphabet.AppendUtf8(_literal.Contains(id) ? token : token.Replace(Space, ' '), bytes);
        }
    }

    /// <summary>Whether a text is the name of a byte, such as <c>&lt;0x0A&gt;</c>.</summary>
    public static bool IsByteName(string text) =>
        text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
        && char.IsAsciiHexDigit(text[3]) && char.IsAsciiHexDigit(text[4]);

    private static int ByteToken(SentencePieceVocabulary vocabulary, int value) =>
        vocabulary.Ids.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), out int id) && vocabulary.IsByte[id] ? id : -1;

    private void AppendPlain(ReadOnlySpan<char> text, bool begins, SentencePieceEncoder encoder, List<int> ids, int maxTokens)
    {
        ReadOnlySpan<char> escaped = Escape(text, begins);
        while (!escaped.IsEmpty && ids.Count < maxTokens)
        {
            int length = WordLength(escaped);
            encoder.Append(escaped[..length], ids);
            escaped = escaped[length..];
        }
    }

    /// <summary>The text as pieces write it: spaces as ▁, one more at the start where wanted, lone surrogates replaced.</summary>
    private string Escape(ReadOnlySpan<char> text, bool begins)
    {
        var escaped = new StringBuilder(text.Length + 1);
        if (_vocabulary.RemovesExtraSpaces)
        {
            text = text.Trim(' ');
        }
        if (begins && !text.IsEmpty)
        {
            escaped.Append(Space);
        }
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isSpace = rune.Value == ' ';
            if (!isSpace)
            {
                escaped.Append(rune.ToString());
            }
            else if (!_vocabulary.RemovesExtraSpaces || escaped.Length == 0 || escaped[^1] != Space)
            {
                escaped.Append(Space);
            }
        }
        return escaped.ToString();
    }

    /// <summary>
    /// Characters up to the next run of spaces: where spaces only lead pieces none reaches beyond, so words may be merged
    /// each for itself; else all.
    /// </summary>
    private int WordLength(ReadOnlySpan<char> escaped)
    {
        if (!_spacesLead)
        {
            return escaped.Length;
        }
        int letters = escaped.IndexOfAnyExcept(Space);
        int next = letters < 0 ? -1 : escaped[letters..].IndexOf(Space);
        return next < 0 ? escaped.Length : letters + next;
    }
}

/// <summary>What a SentencePiece tokenizer is made of, from whatever file.</summary>
internal sealed record SentencePieceVocabulary
{
    /// <summary>Text of every piece, spaces as ▁.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>Ids by that text.</summary>
    public required Dictionary<string, int> Ids { get; init; }

    /// <summary>Score of every piece: the highest is merged first.</summary>
    public required float[] Scores { get; init; }

    /// <summary>Which pieces stand for a byte.</summary>
    public required bool[] IsByte { get; init; }

    /// <summary>The token of what has neither piece nor bytes.</summary>
    public required int Unknown { get; init; }

    public required IReadOnlyList<AddedToken> Added { get; init; }

    public required SpecialTokens Special { get; init; }

    /// <summary>Whether a text begins with a space that is not its own (<c>add_dummy_prefix</c>).</summary>
    public required bool PrependsSpace { get; init; }

    /// <summary>Whether spaces at the ends are dropped and runs of them shortened to one (<c>remove_extra_whitespaces</c>).</summary>
    public bool RemovesExtraSpaces { get; init; }
}
