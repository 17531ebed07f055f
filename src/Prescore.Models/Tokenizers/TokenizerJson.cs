using System.Text.Json;
using System.Text.RegularExpressions;
using Prescore.Models.Formats;
using Prescore.Specs;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Reads a tokenizer.json of the Hugging Face tokenizers library: byte-pair models, byte-level or with SentencePiece's
/// spaces and bytes. Stages that would change ids and are not known are refused by name.
/// </summary>
internal static class TokenizerJson
{
    private const char Space = '▁';

    /// <summary>Builds the tokenizer.</summary>
    /// <param name="path">The file.</param>
    /// <param name="settings">What tokenizer_config.json and generation_config.json beside it say.</param>
    /// <exception cref="ModelFormatException">Not a tokenizer.json, a damaged one, or one with unknown stages.</exception>
    public static ITokenizer Read(string path, TokenizerSettings settings)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new Reader(path, document.RootElement, settings).Read();
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or RegexParseException)
        {
            throw Damaged(path, Failure(error), error);
        }
    }

    private static string Failure(Exception error) => error is RegexParseException ? $"a pattern cannot be read: {error.Message}" : error.Message;

    private static ModelFormatException Damaged(string path, string problem, Exception? cause = null) =>
        new(path, problem, "export the tokenizer again with a current version of the tokenizers library", cause);

    private sealed class Reader(string path, JsonElement root, TokenizerSettings settings)
    {
        public ITokenizer Read()
        {
            JsonElement model = root.GetProperty("model");
            string type = Optional(model, "type")?.GetString() ?? "BPE";
            if (type != "BPE")
            {
                throw Unsupported(UnknownName.Describe("tokenizer model", type, ["BPE"]));
            }
            Refuse(model, "dropout", "continuing_subword_prefix", "end_of_word_suffix");
            List<AddedToken> added = Added();
            string[] tokens = Tokens(model.GetProperty("vocab"), added);
            var ids = new Dictionary<string, int>(tokens.Length);
            for (int id = 0; id < tokens.Length; id++)
            {
                ids.TryAdd(tokens[id], id);
            }
            ids.Remove("");
            List<JsonElement> stages = Stages(Optional(root, "pre_tokenizer"), "pretokenizers");
            List<JsonElement> normalizers = Stages(Optional(root, "normalizer"), "normalizers");
            return stages.Any(stage => TypeOf(stage) == "ByteLevel")
                ? ByteLevel(model, tokens, ids, added, stages, normalizers)
                : SentencePiece(model, tokens, ids, added, stages, normalizers);
        }

        private ByteLevelTokenizer ByteLevel(
            JsonElement model, string[] tokens, Dictionary<string, int> ids, List<AddedToken> added, List<JsonElement> stages, List<JsonElement> normalizers)
        {
            if (normalizers.FirstOrDefault(stage => TypeOf(stage) != "NFC") is { ValueKind: JsonValueKind.Object } unknown)
            {
                throw Unsupported(UnknownName.Describe("normalizer", TypeOf(unknown), ["NFC"]));
            }
            (BytePairMerges? merges, string? wrong) = BytePairMerges.Parse(Merges(model), ids);
            return new ByteLevelTokenizer(new ByteLevelVocabulary
            {
                Tokens = tokens,
                Ids = ids,
                Merges = merges ?? throw Damaged(path, $"the merge '{wrong}' does not fit the vocabulary"),
                PreTokenizer = new PreTokenizer(stages.SelectMany(Patterns), path),
                Added = added,
                Special = Special(ids),
                KeepsWholePieces = Flag(model, "ignore_merges"),
                Composes = normalizers.Count > 0,
            });
        }

        /// <summary>Pieces of a merge have the score of its rank, so that the earliest merge is the best; single characters are never merged into.</summary>
        private SentencePieceTokenizer SentencePiece(
            JsonElement model, string[] tokens, Dictionary<string, int> ids, List<AddedToken> added, List<JsonElement> stages, List<JsonElement> normalizers)
        {
            bool prepends = CheckSpaces(stages, normalizers);
            var scores = new float[tokens.Length];
            List<(string Left, string Right)> merges = Merges(model);
            for (int rank = merges.Count - 1; rank >= 0; rank--)
            {
                string whole = merges[rank].Left + merges[rank].Right;
                scores[ids.TryGetValue(whole, out int id) ? id : throw Damaged(path, $"the merge '{whole}' does not fit the vocabulary")] = -rank;
            }
            return new SentencePieceTokenizer(new SentencePieceVocabulary
            {
                Tokens = tokens,
                Ids = ids,
                Scores = scores,
                IsByte = [.. tokens.Select(token => Flag(model, "byte_fallback") && SentencePieceTokenizer.IsByteName(token))],
                Unknown = Optional(model, "unk_token")?.GetString() is string unknown && ids.TryGetValue(unknown, out int unknownId) ? unknownId : 0,
                Added = added,
                Special = Special(ids),
                PrependsSpace = prepends,
            });
        }

        /// <summary>Whether a space is prepended; refuses stages other than those that write spaces as ▁.</summary>
        private bool CheckSpaces(List<JsonElement> stages, List<JsonElement> normalizers)
        {
            bool prepends = false, replaces = false;
            foreach (JsonElement stage in normalizers.Concat(stages))
            {
                switch (TypeOf(stage))
                {
                    case "Prepend" when stage.GetProperty("prepend").GetString() == Space.ToString():
                        prepends = true;
                        break;
                    case "Replace" when stage.GetProperty("pattern").GetProperty("String").GetString() == " " && stage.GetProperty("content").GetString() == Space.ToString():
                        replaces = true;
                        break;
                    case "Metaspace":
                        replaces = true;
                        prepends = Optional(stage, "prepend_scheme")?.GetString() is string scheme ? scheme != "never" : Flag(stage, "add_prefix_space");
                        break;
                    // Spaces are ▁ by then: it never cuts (Gemma).
                    case "Split" when replaces && Optional(stage.GetProperty("pattern"), "String")?.GetString() == " ":
                        break;
                    default:
                        throw Unsupported($"the stage '{TypeOf(stage)}' is not supported in a tokenizer that is not byte-level");
                }
            }
            return replaces ? prepends : throw Unsupported("a tokenizer that is neither byte-level nor writes spaces as ▁ is not supported");
        }

        private IEnumerable<string> Patterns(JsonElement stage)
        {
            switch (TypeOf(stage))
            {
                case "Split":
                    string behaviour = stage.GetProperty("behavior").GetString()!;
                    bool inverts = Flag(stage, "invert");
                    // What is left between matches becomes pieces too, so Removed keeps nothing only where matches are all.
                    if (behaviour != "Isolated" && !(behaviour == "Removed" && inverts))
                    {
                        throw Unsupported($"a Split stage that is '{behaviour}' is not supported");
                    }
                    JsonElement pattern = stage.GetProperty("pattern");
                    return [Optional(pattern, "Regex")?.GetString() ?? Regex.Escape(pattern.GetProperty("String").GetString()!)];
                case "Digits":
                    return [Flag(stage, "individual_digits") ? @"\p{N}" : @"\p{N}+"];
                case "ByteLevel" when Flag(stage, "add_prefix_space"):
                    throw Unsupported("a ByteLevel stage with add_prefix_space is not supported");
                case "ByteLevel":
                    return Optional(stage, "use_regex")?.GetBoolean() == false ? [] : [PreTokenizer.Gpt2];
                default:
                    throw Unsupported(UnknownName.Describe("pre-tokenizer", TypeOf(stage), ["Split", "Digits", "ByteLevel"]));
            }
        }

        private List<AddedToken> Added()
        {
            var added = new List<AddedToken>();
            foreach (JsonElement token in Optional(root, "added_tokens")?.EnumerateArray() ?? default(JsonElement.ArrayEnumerator))
            {
                string text = token.GetProperty("content").GetString()!;
                if (Flag(token, "single_word"))
                {
                    throw Unsupported($"the added token '{text}' matches single words only, which is not supported");
                }
                if (text.Length > 0)
                {
                    added.Add(new AddedToken(text, token.GetProperty("id").GetInt32(), Flag(token, "special"), Flag(token, "lstrip"), Flag(token, "rstrip")));
                }
            }
            return added;
        }

        private string[] Tokens(JsonElement vocabulary, List<AddedToken> added)
        {
            (string Text, int Id)[] entries =
            [
                .. vocabulary.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetInt32())),
                .. added.Select(token => (token.Text, token.Id)),
            ];
            int largest = entries.Select(entry => entry.Id).DefaultIfEmpty(-1).Max();
            // Every id has an entry but for few gaps, so the entries bound what is allocated.
            if (largest < 0 || entries.Any(entry => entry.Id < 0) || largest > 2L * entries.Length + 1024)
            {
                throw Damaged(path, $"ids up to {largest} do not fit a vocabulary of {entries.Length}");
            }
            var tokens = new string[largest + 1];
            Array.Fill(tokens, "");
            foreach ((string text, int id) in entries)
            {
                tokens[id] = text;
            }
            return tokens;
        }

        private static List<(string Left, string Right)> Merges(JsonElement model)
        {
            var merges = new List<(string, string)>();
            foreach (JsonElement merge in model.GetProperty("merges").EnumerateArray())
            {
                if (merge.ValueKind == JsonValueKind.Array)
                {
                    merges.Add((merge[0].GetString()!, merge[1].GetString()!));
                    continue;
                }
                string line = merge.GetString()!;
                int space = line.Length < 3 ? -1 : line.IndexOf(' ', 1);
                merges.Add(space < 0 ? throw new FormatException($"'{line}' is no merge") : (line[..space], line[(space + 1)..]));
            }
            return merges;
        }

        private SpecialTokens Special(Dictionary<string, int> ids)
        {
            int? IdOf(string? text) => text is not null && ids.TryGetValue(text, out int id) ? id : null;
            HashSet<string> control = [.. Added().Where(token => token.Control).Select(token => token.Text)];
            int? begin = IdOf(settings.Begin);
            return SpecialTokens.Create(
                begin,
                IdOf(settings.End),
                settings.EndIds.Where(id => id >= 0),
                settings.AddsBegin ?? TemplateBegins(),
                text => control.Contains(text) ? IdOf(text) : null);
        }

        /// <summary>Whether the post-processor puts a token before a text.</summary>
        private bool TemplateBegins() =>
            Stages(Optional(root, "post_processor"), "processors").Any(stage =>
                TypeOf(stage) == "TemplateProcessing"
                && stage.GetProperty("single").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } first
                && first.TryGetProperty("SpecialToken", out _));

        /// <summary>A stage, or those of a sequence.</summary>
        private static List<JsonElement> Stages(JsonElement? stage, string members) => stage switch
        {
            null => [],
            { } one when TypeOf(one) == "Sequence" => [.. one.GetProperty(members).EnumerateArray()],
            { } one => [one],
        };

        private void Refuse(JsonElement model, params ReadOnlySpan<string> names)
        {
            foreach (string name in names)
            {
                if (Optional(model, name) is JsonElement value && !(value.ValueKind == JsonValueKind.String && value.GetString() == ""))
                {
                    throw Unsupported($"the model's '{name}' is not supported");
                }
            }
        }

        private static string TypeOf(JsonElement stage) => stage.GetProperty("type").GetString() ?? "";

        private static bool Flag(JsonElement element, string name) => Optional(element, name)?.GetBoolean() ?? false;

        private static JsonElement? Optional(JsonElement element, string name) =>
            element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

        private ModelFormatException Unsupported(string problem) => new(path, problem, "use a model with a supported tokenizer");
    }
}
