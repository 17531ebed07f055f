using System.Globalization;
using System.Text;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>Values as JSON, with the spaces and escapes of Python's <c>json.dumps(value, ensure_ascii=False)</c>.</summary>
internal sealed class JsonText
{
    private const int MostIndent = 16;

    private readonly int _indent;
    private readonly RenderBudget _budget;
    private readonly StringBuilder _text;

    private JsonText(int indent, RenderBudget budget, StringBuilder text) => (_indent, _budget, _text) = (indent, budget, text);

    /// <summary>Writes a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces of a level; negative: all on one line.</param>
    /// <param name="budget">What rendering may still cost.</param>
    /// <exception cref="JinjaException">It has no form in JSON.</exception>
    public static string Write(object? value, long indent, RenderBudget budget)
    {
        if (indent > MostIndent)
        {
            throw new JinjaException($"'tojson' with more than {MostIndent} spaces a level");
        }
        var text = new StringBuilder();
        new JsonText((int)Math.Max(-1, indent), budget, text).Write(value, 0);
        return text.ToString();
    }

    private void Write(object? value, int depth)
    {
        _budget.Step();
        switch (value)
        {
            case null:
                _text.Append("null");
                break;
            case bool truth:
                _text.Append(truth ? "true" : "false");
                break;
            case long number:
                _text.Append(number.ToString(CultureInfo.InvariantCulture));
                break;
            case string part:
                WriteString(part);
                break;
            case IReadOnlyList<object?> list:
                WriteAll('[', ']', list, item => Write(item, depth + 1), depth);
                break;
            case Mapping mapping:
                WriteAll('{', '}', mapping, pair => WritePair(pair, depth + 1), depth);
                break;
            default:
                throw new JinjaException($"{Values.Describe(value)} as JSON");
        }
    }

    private void WritePair(KeyValuePair<string, object?> pair, int depth)
    {
        WriteString(pair.Key);
        _text.Append(": ");
        Write(pair.Value, depth);
    }

    private void WriteAll<T>(char open, char close, IReadOnlyCollection<T> items, Action<T> write, int depth)
    {
        _text.Append(open);
        bool breaks = _indent >= 0 && items.Count > 0;
        bool isFirst = true;
        foreach (T item in items)
        {
            _text.Append(isFirst ? "" : breaks ? "," : ", ");
            Break(depth + 1);
            write(item);
            isFirst = false;
        }
        Break(depth);
        _text.Append(close);

        void Break(int level)
        {
            if (breaks)
            {
                _text.Append('\n').Append(' ', _indent * level);
            }
        }
    }

    private void WriteString(string part)
    {
        _budget.Charge(part.Length);
        _text.Append('"');
        foreach (char each in part)
        {
            _ = each switch
            {
                '"' => _text.Append("\\\""),
                '\\' => _text.Append("\\\\"),
                '\n' => _text.Append("\\n"),
                '\r' => _text.Append("\\r"),
                '\t' => _text.Append("\\t"),
                '\b' => _text.Append("\\b"),
                '\f' => _text.Append("\\f"),
                < ' ' => _text.Append(CultureInfo.InvariantCulture, $"\\u{(int)each:x4}"),
                _ => _text.Append(each),
            };
        }
        _text.Append('"');
    }
}
