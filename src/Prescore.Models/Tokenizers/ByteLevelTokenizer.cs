namespace Prescore.Models.Tokenizers;

/// <summary>
/// Byte-level byte-pair encoding (GPT-2, SmolLM, Llama 3, Qwen2): a pre-tokenizer cuts the text into pieces, each piece's
/// bytes are merged for themselves.
/// </summary>
internal sealed class ByteLevelTokenizer : ITokenizer
{
    private readonly ByteLevelVocabulary _vocabulary;
    private readonly int[] _tokenOfByte;
    private readonly AddedTokens _userDefined;
    private readonly AddedTokens _all;

    // Tokens written as plain text instead of in the byte alphabet.
    private readonly HashSet<int> _literal;

    public ByteLevelTokenizer(ByteLevelVocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _tokenOfByte = [.. Enumerable.Range(0, 256).Select(value => vocabulary.Ids.GetValueOrDefault(ByteAlphabet.CharOf((byte)value).ToString(), -1))];
        _userDefined = new AddedTokens(vocabulary.Added.Where(token => !token.Control));
        _all = new AddedTokens(vocabulary.Added);
        _literal = [.. vocabulary.Added.Select(token => token.Id)];
    }

    public int VocabularySize => _vocabulary.Tokens.Length;

    public SpecialTokens Special => _vocabulary.Special;

    public bool PrependsSpace => false;

    public int[] EncodePrefix(string text, int maxTokens, bool special = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfNegative(maxTokens);
        text = _vocabulary.Composes ? ComposedForm.Of(text) : text;
        AddedTokens added = special ? _all : _userDefined;
        var ids = new List<int>();
        var encoder = new BytePairEncoder(_vocabulary.Merges, _tokenOfByte, _vocabulary.KeepsWholePieces ? _vocabulary.Ids : null);
        for (int at = 0; at < text.Length && ids.Count < maxTokens;)
        {
            AddedToken? token = added.Next(text, at, out int start, out int end);
            if (AppendPlain(at, start) && token is not null)
            {
                ids.Add(token.Id);
            }
            at = end;
        }
        return [.. ids.Take(maxTokens)];

        // False once there are enough tokens.
        bool AppendPlain(int start, int end) => _vocabulary.PreTokenizer.Split(text.AsSpan(start, end - start), (place, length) =>
        {
            encoder.Append(text.AsSpan(start + place, length), ids);
            return ids.Count < maxTokens;
        });
    }

    public void AppendBytes(int id, List<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize);
        if (_literal.Contains(id))
        {
            ByteAlphabet.AppendUtf8(_vocabulary.Tokens[id], bytes);
        }
        else
        {
            ByteAlphabet.AppendBytes(_vocabulary.Tokens[id], bytes);
        }
    }
}

/// <summary>What a byte-level tokenizer is made of, from whatever file.</summary>
internal sealed record ByteLevelVocabulary
{
    /// <summary>Text of every token, in the byte alphabet save for added ones; empty where an id is unused.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>Ids by that text.</summary>
    public required Dictionary<string, int> Ids { get; init; }

    public required BytePairMerges Merges { get; init; }

    public required PreTokenizer PreTokenizer { get; init; }

    public required IReadOnlyList<AddedToken> Added { get; init; }

    public required SpecialTokens Special { get; init; }

    /// <summary>Whether a piece that is a token as a whole is not merged (<c>ignore_merges</c>; Llama 3).</summary>
    public bool KeepsWholePieces { get; init; }

    /// <summary>Whether texts are brought into Unicode's composed form (NFC) first.</summary>
    public bool Composes { get; init; }
}
