using Prescore.Generation.Chat.Jinja;
using Prescore.Models.Tokenizers;

namespace Prescore.Generation.Chat;

/// <summary>
/// Writes conversations as a model was trained to read them: with the template, in the language Jinja, that comes with it.
/// </summary>
public sealed class ChatTemplate
{
    /// <summary>What a template may make of a short conversation, and of every character of a long one.</summary>
    private const int LeastCharacters = 16_000_000, CharactersPerCharacter = 64;

    private const string OtherWay = "write the prompt out and use 'prescore generate --special'";

    /// <summary>Tokens that transformers gives to templates and models' files are not asked for here.</summary>
    private static readonly string[] OtherTokens = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly JinjaTemplate _template;
    private readonly Mapping _variables;

    private ChatTemplate(JinjaTemplate template, Mapping variables) => (_template, _variables) = (template, variables);

    /// <summary>The chat template of a model.</summary>
    /// <exception cref="UnsupportedChatException">The model has no template, or one with something in it that is not known here.</exception>
    public static ChatTemplate Of(ModelTokenizer model)
    {
        if (string.IsNullOrWhiteSpace(model.ChatTemplate))
        {
            throw new UnsupportedChatException("the model has no chat template: it was not trained for conversations; use 'prescore generate'");
        }
        if (OtherTokens.FirstOrDefault(name => model.ChatTemplate.Contains(name, StringComparison.Ordinal)) is string other)
        {
            throw new UnsupportedChatException($"the model's chat template uses '{other}', which is not known here; {OtherWay}");
        }
        // What transformers gives to templates when there are no tools and documents. The date is not among it, so that a
        // prompt does not change from day to day: templates that ask whether they can have it write one of their own.
        var variables = new Mapping { ["tools"] = null, ["documents"] = null };
        SpecialTokens special = model.Tokenizer.Special;
        Add("bos_token", special.Begin);
        Add("eos_token", special.End);
        return Understood(() => new ChatTemplate(JinjaTemplate.Parse(model.ChatTemplate), variables));

        void Add(string name, int? token)
        {
            if (token is int id)
            {
                variables[name] = model.Tokenizer.Piece(id);
            }
        }
    }

    /// <summary>Writes a conversation.</summary>
    /// <param name="messages">The messages, at least one.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows.</param>
    /// <returns>The text with control tokens written out, to be encoded with them recognised.</returns>
    /// <exception cref="UnsupportedChatException">There are no messages, the template refuses them, or uses something that is not known here.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        if (messages.Count == 0)
        {
            throw new UnsupportedChatException("there are no messages");
        }
        object?[] given = [.. messages.Select(message => new Mapping { ["role"] = message.Role, ["content"] = message.Content })];
        return Understood(() => _template.Render(
            [.. _variables, new("messages", given), new("add_generation_prompt", addGenerationPrompt)],
            LeastCharacters + (CharactersPerCharacter * messages.Sum(message => (long)message.Content.Length))));
    }

    private static T Understood<T>(Func<T> use)
    {
        try
        {
            return use();
        }
        catch (JinjaException error)
        {
            throw new UnsupportedChatException($"the model's chat template, {error.Message}; {OtherWay}");
        }
    }
}
