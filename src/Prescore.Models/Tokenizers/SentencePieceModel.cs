using Google.Protobuf;
using Prescore.Models.Formats;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Reads a tokenizer.model: the message ModelProto of sentencepiece_model.proto, of which byte-pair models without a
/// table of character replacements are supported.
/// </summary>
internal sealed class SentencePieceModel
{
    private readonly List<string> _pieces = [];
    private readonly List<float> _scores = [];
    private readonly List<PieceType> _types = [];
    private int _modelType = (int)ModelType.Unigram;
    private int _unknown;
    private int _begin = 1;
    private int _end = 2;
    private bool _suffixes;
    private bool _prependsSpace = true;
    private bool _removesExtraSpaces = true;
    private bool _escapes = true;
    private bool _replaces;

    private enum PieceType
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    private enum ModelType
    {
        Unigram = 1,
        BytePair = 2,
    }

    /// <summary>Builds the tokenizer.</summary>
    /// <exception cref="ModelFormatException">Not such a file, or a model of another kind.</exception>
    public static SentencePieceTokenizer Read(string path, TokenizerSettings settings)
    {
        var model = new SentencePieceModel();
        try
        {
            model.Parse(new CodedInputStream(File.ReadAllBytes(path)));
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new ModelFormatException(path, $"not a SentencePiece model: {error.Message}", "download the tokenizer again", error);
        }
        return model.Build(path, settings);
    }

    private SentencePieceTokenizer Build(string path, TokenizerSettings settings)
    {
        string? problem = _modelType != (int)ModelType.BytePair ? "it is no byte-pair model"
            : _replaces ? "it replaces characters by a table (precompiled_charsmap)"
            : _suffixes ? "it writes spaces after words (treat_whitespace_as_suffix)"
            : !_escapes ? "it does not write spaces as ▁ (escape_whitespaces)"
            : _types.Contains(PieceType.Unused) ? "it has unused pieces"
            : _pieces.Count == 0 || (uint)_unknown >= (uint)_pieces.Count ? "it has no token for what is unknown"
            : null;
        if (problem is not null)
        {
            throw new ModelFormatException(path, $"this SentencePiece model is not supported: {problem}", "use a model with a supported tokenizer");
        }
        var ids = new Dictionary<string, int>(_pieces.Count);
        for (int id = 0; id < _pieces.Count; id++)
        {
            ids.TryAdd(_pieces[id], id);
        }
        int? begin = (uint)_begin < (uint)_pieces.Count ? _begin : null;
        return new SentencePieceTokenizer(new SentencePieceVocabulary
        {
            Tokens = [.. _pieces],
            Ids = ids,
            Scores = [.. _scores],
            IsByte = [.. _types.Select((type, id) => type == PieceType.Byte && SentencePieceTokenizer.IsByteName(_pieces[id]))],
            Unknown = _unknown,
            Added =
            [
                .. _types.Index().Where(entry => entry.Item is PieceType.Control or PieceType.Unknown or PieceType.UserDefined && _pieces[entry.Index].Length > 0)
                    .Select(entry => new AddedToken(_pieces[entry.Index], entry.Index, entry.Item != PieceType.UserDefined)),
            ],
            Special = SpecialTokens.Create(
                begin,
                (uint)_end < (uint)_pieces.Count ? _end : null,
                settings.EndIds,
                settings.AddsBegin ?? true,
                text => ids.TryGetValue(text, out int id) && _types[id] == PieceType.Control ? id : null),
            PrependsSpace = _prependsSpace,
            RemovesExtraSpaces = _removesExtraSpaces,
        });
    }

    private void Parse(CodedInputStream input)
    {
        while (input.ReadTag() is not 0 and uint tag)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1:
                    ParsePiece(input.ReadBytes().CreateCodedInput());
                    break;
                case 2:
                    ParseTrainer(input.ReadBytes().CreateCodedInput());
                    break;
                case 3:
                    ParseNormalizer(input.ReadBytes().CreateCodedInput());
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }

    private void ParsePiece(CodedInputStream input)
    {
        (string piece, float score, PieceType type) = ("", 0, PieceType.Normal);
        while (input.ReadTag() is not 0 and uint tag)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1:
                    piece = input.ReadString();
                    break;
                case 2:
                    score = input.ReadFloat();
                    break;
                case 3:
                    type = (PieceType)input.ReadEnum();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
        _pieces.Add(piece);
        _scores.Add(score);
        _types.Add(type);
    }

    private void ParseTrainer(CodedInputStream input)
    {
        while (input.ReadTag() is not 0 and uint tag)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 3:
                    _modelType = input.ReadEnum();
                    break;
                case 24:
                    _suffixes = input.ReadBool();
                    break;
                case 40:
                    _unknown = input.ReadInt32();
                    break;
                case 41:
                    _begin = input.ReadInt32();
                    break;
                case 42:
                    _end = input.ReadInt32();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }

    private void ParseNormalizer(CodedInputStream input)
    {
        while (input.ReadTag() is not 0 and uint tag)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 2:
                    _replaces = input.ReadBytes().Length > 0;
                    break;
                case 3:
                    _prependsSpace = input.ReadBool();
                    break;
                case 4:
                    _removesExtraSpaces = input.ReadBool();
                    break;
                case 5:
                    _escapes = input.ReadBool();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }
}
