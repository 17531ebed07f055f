using System.Text;
using Prescore.Models.Tokenizers;

namespace Prescore.Generation.Chat;

/// <summary>
/// Writes conversations as a model was trained to read them. Models carry a template in the language Jinja, for which
/// there is no library on .NET: families are recognised by the control tokens of their templates and written by code.
/// </summary>
public sealed class ChatTemplate
{
    /// <summary>The registry: which templates belong to a family, the first that fits; one line a family.</summary>
    private static readonly (string Name, Func<ChatModel, bool> Fits, Func<ChatModel, IChatFormat> Create)[] Families =
    [
        ("qwen3", model => model.Has("<|im_start|>") && model.Has("enable_thinking"), model => new Qwen3Format()),
        ("chatml", model => model.Has("<|im_start|>"), model => new ChatMlFormat(model)),
        ("llama3", model => model.Has("<|start_header_id|>"), model => new Llama3Format(model)),
        ("gemma", model => model.Has("<start_of_turn>"), model => new GemmaFormat(model)),
        ("llama2", model => model.Has("[INST]") && model.Has("<<SYS>>"), model => new Llama2Format(model)),
        ("mistral", model => model.Has("[INST]"), model => new MistralFormat(model)),
        ("glm", model => model.Has("[gMASK]"), model => new GlmFormat(model)),
        ("zephyr", model => model.Has("<|user|>") && model.Has("eos_token"), model => new ZephyrFormat(model)),
    ];

    private readonly IChatFormat _format;

    private ChatTemplate(string family, IChatFormat format) => (Family, _format) = (family, format);

    /// <summary>Names of all families.</summary>
    public static string[] Names => [.. Families.Select(family => family.Name)];

    /// <summary>The family that the template was recognised as.</summary>
    public string Family { get; }

    /// <summary>The chat format of a model.</summary>
    /// <exception cref="UnsupportedChatException">The model has no template, or none of a known family.</exception>
    public static ChatTemplate Of(ModelTokenizer model)
    {
        if (string.IsNullOrWhiteSpace(model.ChatTemplate))
        {
            throw new UnsupportedChatException("the model has no chat template: it was not trained for conversations; use 'prescore generate'");
        }
        SpecialTokens special = model.Tokenizer.Special;
        var known = new ChatModel(
            model.ChatTemplate, special.Begin is int begin ? model.Tokenizer.Piece(begin) : "", special.End is int end ? model.Tokenizer.Piece(end) : "");
        foreach ((string name, Func<ChatModel, bool> fits, Func<ChatModel, IChatFormat> create) in Families)
        {
            if (fits(known))
            {
                return new ChatTemplate(name, create(known));
            }
        }
        throw new UnsupportedChatException($"the model's chat template is of no known family ({string.Join(", ", Names)}); write the prompt out and use 'prescore generate --special'");
    }

    /// <summary>Writes a conversation.</summary>
    /// <param name="messages">The messages, at least one.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows.</param>
    /// <returns>The text with control tokens written out, to be encoded with them recognised.</returns>
    /// <exception cref="UnsupportedChatException">There are no messages, or one that the family has no place for.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        if (messages.Count == 0)
        {
            throw new UnsupportedChatException("there are no messages");
        }
        if (messages.FirstOrDefault(message => message.Role is not (ChatMessage.System or ChatMessage.User or ChatMessage.Assistant)) is { } unknown)
        {
            throw new UnsupportedChatException($"messages of the role '{unknown.Role}' are not supported");
        }
        if (messages.Skip(1).Any(message => message.Role == ChatMessage.System))
        {
            throw new UnsupportedChatException("a system message must be the first");
        }
        var text = new StringBuilder();
        _format.Write(messages, addGenerationPrompt, text);
        return text.ToString();
    }
}
