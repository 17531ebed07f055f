using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Specs;

namespace Prescore.Models.Tokenizers;

/// <summary>Reads the tokenizer that a GGUF file carries in its metadata.</summary>
public static class GgufTokenizer
{
    /// <summary>The registry of <c>tokenizer.ggml.model</c>: one line a kind.</summary>
    private static readonly (string Model, Func<GgufFile, ITokenizer> Read)[] Kinds =
    [
        ("gpt2", ReadByteLevel),
        ("llama", ReadSentencePiece),
    ];

    /// <summary>Pre-tokenizers whose vocabularies keep whole pieces and begin texts, whether or not the file says so.</summary>
    private static readonly string[] Llama3Names = ["llama-bpe", "llama3", "llama-v3"];

    /// <summary>Pre-tokenizers of families whose own tokenizers compose texts first.</summary>
    private static readonly string[] ComposingNames = ["qwen2", "deepseek-r1-qwen"];

    /// <summary>Values of <c>tokenizer.ggml.token_type</c>.</summary>
    private enum TokenType
    {
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Byte = 6,
    }

    /// <summary>Builds the tokenizer of a model file.</summary>
    /// <exception cref="ModelFormatException">The file has no tokenizer, a damaged one, or one of an unknown kind.</exception>
    public static ITokenizer FromGguf(GgufFile file)
    {
        string model = file.Metadata.GetString("tokenizer.ggml.model");
        return Kinds.FirstOrDefault(kind => kind.Model == model).Read?.Invoke(file)
            ?? throw Unsupported(file, UnknownName.Describe("tokenizer model", model, [.. Kinds.Select(kind => kind.Model)]));
    }

    private static ByteLevelTokenizer ReadByteLevel(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        string preTokenizer = metadata.GetString("tokenizer.ggml.pre");
        PreTokenizer cutting = PreTokenizer.Find(preTokenizer)
            ?? throw Unsupported(file, UnknownName.Describe("pre-tokenizer", preTokenizer, PreTokenizer.Names));
        string[] tokens = metadata.GetArray<string>("tokenizer.ggml.tokens");
        Dictionary<string, int> ids = Ids(tokens);
        (BytePairMerges? merges, string? wrongLine) = BytePairMerges.Parse(metadata.GetArray<string>("tokenizer.ggml.merges"), ids);
        int[] types = TokenTypes(file, tokens.Length);
        bool isLlama3 = Llama3Names.Contains(preTokenizer);
        return new ByteLevelTokenizer(new ByteLevelVocabulary
        {
            Tokens = tokens,
            Ids = ids,
            Merges = merges ?? throw Damaged(file, $"the merge '{wrongLine}' in tokenizer.ggml.merges does not fit the vocabulary"),
            PreTokenizer = cutting,
            Added = Added(tokens, types),
            Special = Special(file, ids, types, addsBegin: isLlama3),
            KeepsWholePieces = isLlama3,
            Composes = ComposingNames.Contains(preTokenizer),
        });
    }

    private static SentencePieceTokenizer ReadSentencePiece(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        string[] tokens = metadata.GetArray<string>("tokenizer.ggml.tokens");
        float[] scores = metadata.GetArray<float>("tokenizer.ggml.scores");
        if (scores.Length != tokens.Length)
        {
            throw Damaged(file, $"tokenizer.ggml.scores has {scores.Length} entries for {tokens.Length} tokens");
        }
        int[] types = TokenTypes(file, tokens.Length);
        Dictionary<string, int> ids = Ids(tokens);
        return new SentencePieceTokenizer(new SentencePieceVocabulary
        {
            Tokens = tokens,
            Ids = ids,
            Scores = scores,
            IsByte = [.. types.Select((type, id) => type == (int)TokenType.Byte && SentencePieceTokenizer.IsByteName(tokens[id]))],
            Unknown = Id(file, "unknown", tokens.Length) ?? 0,
            Added = Added(tokens, types),
            Special = Special(file, ids, types, addsBegin: true),
            PrependsSpace = metadata.GetBoolean("tokenizer.ggml.add_space_prefix", true),
            RemovesExtraSpaces = metadata.GetBoolean("tokenizer.ggml.remove_extra_whitespaces", false),
        });
    }

    private static Dictionary<string, int> Ids(string[] tokens)
    {
        var ids = new Dictionary<string, int>(tokens.Length);
        for (int id = 0; id < tokens.Length; id++)
        {
            ids.TryAdd(tokens[id], id);
        }
        return ids;
    }

    private static int[] TokenTypes(GgufFile file, int tokens)
    {
        if (!file.Metadata.TryGetArray("tokenizer.ggml.token_type", out int[]? types))
        {
            return new int[tokens];
        }
        return types.Length == tokens
            ? types
            : throw Damaged(file, $"tokenizer.ggml.token_type has {types.Length} entries for {tokens} tokens");
    }

    private static List<AddedToken> Added(string[] tokens, int[] types)
    {
        var added = new List<AddedToken>();
        for (int id = 0; id < tokens.Length; id++)
        {
            if (tokens[id].Length > 0 && (TokenType)types[id] is TokenType.Unknown or TokenType.Control or TokenType.UserDefined)
            {
                added.Add(new AddedToken(tokens[id], id, (TokenType)types[id] != TokenType.UserDefined));
            }
        }
        return added;
    }

    private static SpecialTokens Special(GgufFile file, Dictionary<string, int> ids, int[] types, bool addsBegin)
    {
        IEnumerable<int> ends = new[] { "eot", "eom" }.Select(name => Id(file, name, types.Length)).OfType<int>();
        return SpecialTokens.Create(
            Id(file, "bos", types.Length),
            Id(file, "eos", types.Length),
            ends,
            file.Metadata.GetBoolean("tokenizer.ggml.add_bos_token", addsBegin),
            text => ids.TryGetValue(text, out int id) && (TokenType)types[id] == TokenType.Control ? id : null);
    }

    private static int? Id(GgufFile file, string name, int tokens)
    {
        string key = $"tokenizer.ggml.{name}_token_id";
        if (!file.Metadata.Contains(key))
        {
            return null;
        }
        uint id = file.Metadata.GetUInt32(key);
        return id < tokens ? (int)id : throw Damaged(file, $"{key} is {id} with {tokens} tokens");
    }

    private static ModelFormatException Unsupported(GgufFile file, string problem) =>
        new(file.Path, problem, "use a model with a supported tokenizer");

    private static ModelFormatException Damaged(GgufFile file, string problem) =>
        new(file.Path, problem, "convert the model again with a current converter");
}
