using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// A text with one character for each code point, so that patterns written for code points work on UTF-16: code points
/// beyond the basic plane are replaced by one of their class that patterns tell apart (letter, number, other).
/// </summary>
internal sealed class CodePointText
{
    private const char Letter = '\u3400';
    private const char Number = '\u2460';
    private const char Other = '\uFFFD';

    private readonly char[] _characters;
    private readonly bool[] _isPair;

    public CodePointText(ReadOnlySpan<char> text)
    {
        _characters = new char[text.Length];
        _isPair = new bool[text.Length];
        int count = 0;
        for (int at = 0; at < text.Length; count++)
        {
            // A lone surrogate decodes to the replacement character, which is in the class Other too.
            Rune.DecodeFromUtf16(text[at..], out Rune rune, out int consumed);
            _characters[count] = rune.IsBmp ? (char)rune.Value : Rune.IsLetter(rune) ? Letter : Rune.IsNumber(rune) ? Number : Other;
            _isPair[count] = consumed == 2;
            at += consumed;
        }
        Array.Resize(ref _characters, count);
    }

    /// <summary>One character a code point.</summary>
    public ReadOnlySpan<char> Characters => _characters;

    /// <summary>How many UTF-16 characters of the text code points [start, end) are.</summary>
    public int CharactersBetween(int start, int end) => end - start + _isPair.AsSpan(start, end - start).Count(true);
}
