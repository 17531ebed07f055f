namespace Prescore.Models.Tokenizers;

/// <summary>Turns text into the token ids of a model and back. Adds no token of its own; safe to share between threads.</summary>
public interface ITokenizer
{
    /// <summary>Number of tokens; ids are 0..VocabularySize−1.</summary>
    int VocabularySize { get; }

    /// <summary>The tokens that begin and end texts.</summary>
    SpecialTokens Special { get; }

    /// <summary>Whether a space is put before a text when it is encoded (SentencePiece), which the first token's text then shows.</summary>
    bool PrependsSpace { get; }

    /// <summary>The first tokens of a text, without encoding much more of it than they need.</summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="maxTokens">How many tokens to return at most, at least 0.</param>
    /// <param name="special">
    /// Whether control tokens such as <c>&lt;|im_start|&gt;</c> in the text are recognised; otherwise they are split like any
    /// text. User-defined tokens are always recognised. The longest one wins.
    /// </param>
    int[] EncodePrefix(string text, int maxTokens, bool special = false);

    /// <summary>Appends the bytes that a token stands for: UTF-8, of which it may hold a part of a character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    void AppendBytes(int id, List<byte> bytes);

    /// <summary>The tokens of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="special">As in <see cref="EncodePrefix"/>.</param>
    int[] Encode(string text, bool special = false) => EncodePrefix(text, int.MaxValue, special);

    /// <summary>The tokens of a prompt: the token that begins a text first where the model wants one, then those of the text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="special">As in <see cref="EncodePrefix"/>.</param>
    int[] EncodePrompt(string text, bool special = false)
    {
        int[] ids = Encode(text, special);
        // A rendered chat template may have written the token already.
        return Special is { AddsBegin: true, Begin: int begin } && (ids.Length == 0 || ids[0] != begin) ? [begin, .. ids] : ids;
    }

    /// <summary>The text of some tokens; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids)
    {
        var decoder = new StreamingDecoder(this);
        var text = new System.Text.StringBuilder();
        foreach (int id in ids)
        {
            text.Append(decoder.Append(id));
        }
        return text.Append(decoder.Flush()).ToString();
    }

    /// <summary>The text of one token; a part of a character shows as U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    string Piece(int id)
    {
        var bytes = new List<byte>();
        AppendBytes(id, bytes);
        return System.Text.Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
    }
}
