using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Specs;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// The byte-level byte-pair tokenizer that a GGUF file carries. Adds no token of its own (no beginning or end of text).
/// Safe to share between threads.
/// </summary>
public sealed class GgufTokenizer
{
    private const string SupportedModel = "gpt2";

    // Values of tokenizer.ggml.token_type.
    private const int UnknownToken = 2;
    private const int ControlToken = 3;
    private const int UserDefinedToken = 4;

    private readonly string[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly BytePairMerges _merges;
    private readonly int[] _tokenOfByte;
    private readonly PreTokenizer _preTokenizer;

    // Tokens written as plain text instead of in the byte alphabet.
    private readonly HashSet<int> _literal = [];
    private readonly Regex? _userDefined;
    private readonly Regex? _special;

    private GgufTokenizer(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        string model = metadata.GetString("tokenizer.ggml.model");
        if (model != SupportedModel)
        {
            throw Unsupported(file, UnknownName.Describe("tokenizer model", model, [SupportedModel]));
        }
        PreTokenizerName = metadata.GetString("tokenizer.ggml.pre");
        _preTokenizer = PreTokenizer.Find(PreTokenizerName)
            ?? throw Unsupported(file, UnknownName.Describe("pre-tokenizer", PreTokenizerName, PreTokenizer.Names));
        _tokens = metadata.GetArray<string>("tokenizer.ggml.tokens");
        _ids = new Dictionary<string, int>(_tokens.Length);
        for (int id = 0; id < _tokens.Length; id++)
        {
            _ids.TryAdd(_tokens[id], id);
        }
        _tokenOfByte = [.. Enumerable.Range(0, 256).Select(value => _ids.GetValueOrDefault(ByteAlphabet.CharOf((byte)value).ToString(), -1))];
        (BytePairMerges? merges, string? wrongLine) = BytePairMerges.Parse(metadata.GetArray<string>("tokenizer.ggml.merges"), _ids);
        _merges = merges ?? throw Damaged(file, $"the merge '{wrongLine}' in tokenizer.ggml.merges does not fit the vocabulary");
        int[] types = TokenTypes(file);
        _userDefined = Recogniser(types, [UserDefinedToken]);
        _special = Recogniser(types, [UserDefinedToken, ControlToken, UnknownToken]);
    }

    /// <summary>Number of tokens; ids are 0..VocabularySize−1.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>Name of the pre-tokenizer, such as "smollm".</summary>
    public string PreTokenizerName { get; }

    /// <summary>Builds the tokenizer of a model file.</summary>
    /// <exception cref="ModelFormatException">The file has no tokenizer, a damaged one, or one of an unknown kind.</exception>
    public static GgufTokenizer FromGguf(GgufFile file) => new(file);

    /// <summary>The tokens of a text.</summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="special">
    /// Whether control tokens such as <c>&lt;|im_start|&gt;</c> in the text are recognised; otherwise they are split like any
    /// text. User-defined tokens are always recognised. The longest one wins.
    /// </param>
    public int[] Encode(string text, bool special = false) => EncodePrefix(text, int.MaxValue, special);

    /// <summary>The first tokens of <see cref="Encode"/>, without encoding the rest of the text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokens">How many tokens to return at most, at least 0.</param>
    /// <param name="special">As in <see cref="Encode"/>.</param>
    public int[] EncodePrefix(string text, int maxTokens, bool special = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfNegative(maxTokens);
        var ids = new List<int>();
        BytePairEncoder encoder = new(_merges, _tokenOfByte);
        int at = 0;
        if ((special ? _special : _userDefined) is Regex recogniser)
        {
            foreach (ValueMatch match in recogniser.EnumerateMatches(text))
            {
                if (!AppendPlain(at, match.Index))
                {
                    return First(ids, maxTokens);
                }
                ids.Add(_ids[text.Substring(match.Index, match.Length)]);
                at = match.Index + match.Length;
            }
        }
        AppendPlain(at, text.Length);
        return First(ids, maxTokens);

        // False once there are enough tokens.
        bool AppendPlain(int start, int end) => _preTokenizer.Split(text.AsSpan(start, end - start), (place, length) =>
        {
            encoder.Append(text.AsSpan(start + place, length), ids);
            return ids.Count < maxTokens;
        });
    }

    /// <summary>The text of some tokens; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>();
        foreach (int id in ids)
        {
            AppendBytes(id, bytes);
        }
        return Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes));
    }

    /// <summary>The text of one token; a part of a character shows as U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    public string Piece(int id) => Decode([id]);

    private static int[] First(List<int> ids, int count) => [.. CollectionsMarshal.AsSpan(ids)[..Math.Min(ids.Count, count)]];

    private void AppendBytes(int id, List<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _tokens.Length);
        if (_literal.Contains(id))
        {
            ByteAlphabet.AppendUtf8(_tokens[id], bytes);
        }
        else
        {
            ByteAlphabet.AppendBytes(_tokens[id], bytes);
        }
    }

    private int[] TokenTypes(GgufFile file)
    {
        if (!file.Metadata.TryGetArray("tokenizer.ggml.token_type", out int[]? types))
        {
            return [];
        }
        return types.Length == _tokens.Length
            ? types
            : throw Damaged(file, $"tokenizer.ggml.token_type has {types.Length} entries for {_tokens.Length} tokens");
    }

    /// <summary>A pattern that finds the tokens of some types, the longest first; null where there are none.</summary>
    private Regex? Recogniser(int[] types, ReadOnlySpan<int> wanted)
    {
        var texts = new List<string>();
        for (int id = 0; id < types.Length; id++)
        {
            if (wanted.Contains(types[id]) && _tokens[id].Length > 0)
            {
                _literal.Add(id);
                texts.Add(Regex.Escape(_tokens[id]));
            }
        }
        return texts.Count == 0 ? null
            : new Regex(string.Join('|', texts.OrderByDescending(text => text.Length)), RegexOptions.CultureInvariant);
    }

    private static ModelFormatException Unsupported(GgufFile file, string problem) =>
        new(file.Path, problem, "use a model with a supported tokenizer");

    private static ModelFormatException Damaged(GgufFile file, string problem) =>
        new(file.Path, problem, "convert the model again with a current converter");
}
