using System.Globalization;
using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// A text with one character for each code point, so that patterns written for code points work on UTF-16: code points
/// beyond the basic plane are replaced by one of their general category, of the categories that patterns tell apart.
/// </summary>
internal sealed class CodePointText
{
    /// <summary>Stands for all that is neither letter, mark nor number.</summary>
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
            _characters[count] = rune.IsBmp ? (char)rune.Value : StandIn(rune);
            _isPair[count] = consumed == 2;
            at += consumed;
        }
        Array.Resize(ref _characters, count);
    }

    /// <summary>One character a code point.</summary>
    public ReadOnlySpan<char> Characters => _characters;

    /// <summary>How many UTF-16 characters of the text code points [start, end) are.</summary>
    public int CharactersBetween(int start, int end) => end - start + _isPair.AsSpan(start, end - start).Count(true);

    private static char StandIn(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter => '\u0100',
        UnicodeCategory.LowercaseLetter => '\u0101',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u3400',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u2460',
        _ => Other,
    };
}
