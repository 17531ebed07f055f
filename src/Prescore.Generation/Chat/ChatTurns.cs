namespace Prescore.Generation.Chat;

/// <summary>The order of messages.</summary>
internal static class ChatTurns
{
    /// <summary>Refuses conversations in which, after a system message, user and assistant do not take turns.</summary>
    /// <exception cref="UnsupportedChatException">They do not.</exception>
    public static void RequireAlternation(IReadOnlyList<ChatMessage> messages)
    {
        string wanted = ChatMessage.User;
        foreach (ChatMessage message in messages.SkipWhile(message => message.Role == ChatMessage.System))
        {
            if (message.Role != wanted)
            {
                throw new UnsupportedChatException("in this model's chat format user and assistant must take turns, the user first");
            }
            wanted = wanted == ChatMessage.User ? ChatMessage.Assistant : ChatMessage.User;
        }
    }
}
