using System.Globalization;
using System.Text;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>
/// Splits a template into tokens, with white space around tags as chat templates are written for: <c>trim_blocks</c> (the
/// line break after a block is dropped) and <c>lstrip_blocks</c> (as are spaces from the beginning of a line to a block).
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] Operators = ["//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">", "=", ".", ":", "|", ","];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;

    /// <summary>Whether the last tag and the white space it took ended a line.</summary>
    private bool _atLineStart = true;

    private Lexer(string source) => _source = source;

    /// <summary>Reads all tokens of a template.</summary>
    /// <exception cref="JinjaException">A tag or a string is not closed, or holds something that is not of the language.</exception>
    public static List<Token> Read(string template)
    {
        string source = template.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        while (lexer._at < lexer._source.Length)
        {
            lexer.ReadText();
        }
        lexer.Add(TokenKind.End, "");
        return lexer._tokens;
    }

    private void ReadText()
    {
        int open = FindTag(_at);
        if (open < 0)
        {
            Add(TokenKind.Text, _source[_at..]);
            Advance(_source.Length);
            return;
        }
        char sign = open + 2 < _source.Length && _source[open + 2] is '-' or '+' ? _source[open + 2] : '\0';
        string text = Shorten(_source[_at..open], sign, isBlock: _source[open + 1] != '{');
        if (text.Length > 0)
        {
            Add(TokenKind.Text, text);
        }
        Advance(open + (sign == '\0' ? 2 : 3));
        switch (_source[open + 1])
        {
            case '#':
                SkipComment();
                break;
            case '{':
                ReadTag(TokenKind.OutputBegin, TokenKind.OutputEnd, "}}");
                break;
            default:
                ReadTag(TokenKind.BlockBegin, TokenKind.BlockEnd, "%}");
                break;
        }
        _atLineStart = _source[_at - 1] == '\n';
    }

    private int FindTag(int from)
    {
        for (int i = _source.IndexOf('{', from); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>What is left of the text before a tag.</summary>
    private string Shorten(string text, char sign, bool isBlock)
    {
        if (sign == '-')
        {
            return text.TrimEnd();
        }
        int lineStart = text.LastIndexOf('\n') + 1;
        bool startsLine = lineStart > 0 || _atLineStart;
        return isBlock && sign != '+' && startsLine && string.IsNullOrWhiteSpace(text[lineStart..]) ? text[..lineStart] : text;
    }

    private void SkipComment()
    {
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new JinjaException("a comment is not closed", _line);
        }
        char sign = end > _at ? _source[end - 1] : '\0';
        Advance(end + 2);
        SkipAfter(sign, trimsLine: true);
    }

    private void ReadTag(TokenKind begin, TokenKind end, string close)
    {
        Add(begin, "");
        int depth = 0;
        while (true)
        {
            SkipSpace();
            if (_at >= _source.Length)
            {
                throw new JinjaException($"a tag is not closed by '{close}'", _line);
            }
            char sign = _source[_at] is '-' or '+' && depth == 0 && Follows(close, _at + 1) ? _source[_at] : '\0';
            if (sign != '\0' || (depth == 0 && Follows(close, _at)))
            {
                Add(end, "");
                Advance(_at + (sign == '\0' ? 2 : 3));
                SkipAfter(sign, trimsLine: end == TokenKind.BlockEnd);
                return;
            }
            depth += ReadToken();
        }
    }

    private void SkipAfter(char sign, bool trimsLine)
    {
        if (sign == '-')
        {
            SkipSpace();
        }
        else if (sign != '+' && trimsLine && Follows("\n", _at))
        {
            Advance(_at + 1);
        }
    }

    /// <summary>Reads a token within a tag.</summary>
    /// <returns>By how much brackets are nested deeper.</returns>
    private int ReadToken()
    {
        char first = _source[_at];
        if (first is '\'' or '"')
        {
            ReadString(first);
        }
        else if (char.IsAsciiLetter(first) || first == '_')
        {
            AddWhile(TokenKind.Name, static c => char.IsAsciiLetterOrDigit(c) || c == '_');
        }
        else if (char.IsAsciiDigit(first))
        {
            AddWhile(TokenKind.Integer, char.IsAsciiDigit);
        }
        else
        {
            string found = Operators.FirstOrDefault(symbol => Follows(symbol, _at)) ?? throw new JinjaException($"unexpected '{first}'", _line);
            Add(TokenKind.Operator, found);
            Advance(_at + found.Length);
            return found is "(" or "[" or "{" ? 1 : found is ")" or "]" or "}" ? -1 : 0;
        }
        return 0;
    }

    private void AddWhile(TokenKind kind, Func<char, bool> belongs)
    {
        int end = _at;
        while (end < _source.Length && belongs(_source[end]))
        {
            end++;
        }
        Add(kind, _source[_at..end]);
        Advance(end);
    }

    private void ReadString(char quote)
    {
        var value = new StringBuilder();
        int i = _at + 1;
        while (i < _source.Length && _source[i] != quote)
        {
            i = _source[i] == '\\' ? ReadEscape(i, value) : Append(i, value);
        }
        if (i >= _source.Length)
        {
            throw new JinjaException("a string is not closed", _line);
        }
        Add(TokenKind.String, value.ToString());
        Advance(i + 1);
    }

    private int Append(int i, StringBuilder value)
    {
        value.Append(_source[i]);
        return i + 1;
    }

    /// <summary>Escapes as in Python; unknown ones stay as they stand.</summary>
    private int ReadEscape(int i, StringBuilder value)
    {
        char kind = i + 1 < _source.Length ? _source[i + 1] : throw new JinjaException("a string is not closed", _line);
        int digits = kind switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            bool isNumber = i + 2 + digits <= _source.Length
                & int.TryParse(_source.AsSpan(i + 2, Math.Min(digits, _source.Length - i - 2)), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code);
            value.Append(isNumber && Rune.IsValid(code) ? new Rune(code).ToString() : throw new JinjaException($"the escape '\\{kind}' in a string", _line));
            return i + 2 + digits;
        }
        value.Append(kind switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'f' => "\f",
            'v' => "\v",
            'a' => "\a",
            'b' => "\b",
            '\n' => "",
            '\\' or '\'' or '"' => kind.ToString(),
            'N' or (>= '0' and <= '7') => throw new JinjaException($"the escape '\\{kind}' in a string", _line),
            _ => $"\\{kind}",
        });
        return i + 2;
    }

    private void SkipSpace()
    {
        int end = _at;
        while (end < _source.Length && char.IsWhiteSpace(_source[end]))
        {
            end++;
        }
        Advance(end);
    }

    private bool Follows(string symbol, int at) => string.CompareOrdinal(_source, at, symbol, 0, symbol.Length) == 0;

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private void Advance(int to)
    {
        _line += _source.AsSpan(_at, to - _at).Count('\n');
        _at = to;
    }
}
