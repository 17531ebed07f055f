using System.Text.Json;
using Prescore.Models.Formats;

namespace Prescore.Models.Evaluation;

/// <summary>Reference cases, one JSON object a line; what kind they are shows in the first. Read once, from the beginning.</summary>
/// <param name="text">The text; blank lines are passed over.</param>
public sealed class CaseLines(TextInput text)
{
    private int _number;
    private string? _first;
    private bool _peeked;

    /// <summary>What the text is called.</summary>
    public string Name => text.Name;

    /// <summary>Names of the members of the first object; empty where the text does not begin with one.</summary>
    public IReadOnlySet<string> FirstMembers()
    {
        if (!_peeked)
        {
            (_first, _peeked) = (NextLine(), true);
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(_first ?? "{}");
            return document.RootElement.EnumerateObject().Select(member => member.Name).ToHashSet();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return new HashSet<string>();
        }
    }

    /// <summary>Reads the objects with their line numbers.</summary>
    /// <param name="form">What a line should look like, for messages.</param>
    /// <param name="read">Makes something of an object.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    /// <exception cref="ModelFormatException">A line is not of that form, or there are none.</exception>
    /// <exception cref="IOException">The text cannot be read.</exception>
    public IEnumerable<(int Line, T Value)> Read<T>(string form, Func<JsonElement, T> read, CancellationToken cancellationToken = default)
    {
        bool any = false;
        string? line = _peeked ? _first : NextLine();
        for (_peeked = false; line is not null; line = NextLine())
        {
            cancellationToken.ThrowIfCancellationRequested();
            any = true;
            yield return (_number, Parse(line, form, read));
        }
        if (!any)
        {
            throw new ModelFormatException(text.Name, "there is nothing to compare", $"give it lines of {form}");
        }
    }

    private string? NextLine()
    {
        while (text.ReadLine() is string line)
        {
            _number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                return line;
            }
        }
        return null;
    }

    private T Parse<T>(string line, string form, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return read(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelFormatException(text.Name, $"line {_number} is not of the form {form}", "write one such object a line", error);
        }
    }
}
