using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// The alphabet in which byte-level vocabularies write bytes: printable Latin-1 characters stand for themselves, every
/// other byte is the next character from U+0100 on (so a space is 'Ġ'). Introduced with GPT-2.
/// </summary>
internal static class ByteAlphabet
{
    private const int Bytes = 256;
    private static readonly char[] CharOfByte = CreateAlphabet();
    private static readonly Dictionary<char, byte> ByteOfChar =
        Enumerable.Range(0, Bytes).ToDictionary(value => CharOfByte[value], value => (byte)value);

    /// <summary>The character that stands for a byte.</summary>
    public static char CharOf(byte value) => CharOfByte[value];

    /// <summary>A text in this alphabet, one character a byte of its UTF-8.</summary>
    public static string Write(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(bytes.Length, bytes, (characters, source) =>
        {
            for (int i = 0; i < source.Length; i++)
            {
                characters[i] = CharOf(source[i]);
            }
        });
    }

    /// <summary>Appends the bytes of a token written in this alphabet; characters outside it count as UTF-8 text.</summary>
    public static void AppendBytes(string token, List<byte> bytes)
    {
        foreach (Rune rune in token.EnumerateRunes())
        {
            if (rune.IsBmp && ByteOfChar.TryGetValue((char)rune.Value, out byte value))
            {
                bytes.Add(value);
            }
            else
            {
                AppendUtf8(rune.ToString(), bytes);
            }
        }
    }

    /// <summary>Appends a text as UTF-8.</summary>
    public static void AppendUtf8(string text, List<byte> bytes) => bytes.AddRange(Encoding.UTF8.GetBytes(text));

    private static char[] CreateAlphabet()
    {
        var alphabet = new char[Bytes];
        char next = (char)Bytes;
        for (int value = 0; value < Bytes; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            alphabet[value] = printable ? (char)value : next++;
        }
        return alphabet;
    }
}
