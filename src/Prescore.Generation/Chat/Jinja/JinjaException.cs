namespace Prescore.Generation.Chat.Jinja;

/// <summary>A template that is not understood, that fails, or that refuses a conversation.</summary>
/// <param name="message">What is wrong.</param>
/// <param name="line">The line of the template, from 1; 0: not known yet.</param>
internal sealed class JinjaException(string message, int line = 0) : UnsupportedChatException(line > 0 ? $"line {line}: {message}" : message)
{
    /// <summary>Whether the message names the line.</summary>
    public bool HasLine => line > 0;
}
