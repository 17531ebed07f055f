using System.Runtime.InteropServices;
using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Turns tokens into text as they come. A character whose bytes several tokens share is held back until it is whole, so
/// what was returned is never taken back. Belongs to one text.
/// </summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="continues">Whether the tokens go on from a text that is already shown, so that a leading space belongs to it.</param>
public sealed class StreamingDecoder(ITokenizer tokenizer, bool continues = false)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly List<byte> _bytes = [];
    private bool _atStart = tokenizer.PrependsSpace && !continues;

    /// <summary>Takes the next token.</summary>
    /// <returns>The text that has become whole, often empty; bytes that are not UTF-8 become U+FFFD.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Append(int id)
    {
        _bytes.Clear();
        tokenizer.AppendBytes(id, _bytes);
        ReadOnlySpan<byte> bytes = CollectionsMarshal.AsSpan(_bytes);
        if (_atStart && !bytes.IsEmpty)
        {
            _atStart = false;
            bytes = bytes[0] == ' ' ? bytes[1..] : bytes;
        }
        return Decode(bytes, flush: false);
    }

    /// <summary>Ends the text: a character that was never completed shows as U+FFFD.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        Span<char> characters = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length + 4)];
        int count = _decoder.GetChars(bytes, characters, flush);
        return new string(characters[..count]);
    }
}
