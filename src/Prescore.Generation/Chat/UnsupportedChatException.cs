namespace Prescore.Generation.Chat;

/// <summary>A model whose chat format is not known, or messages that its format has no place for.</summary>
/// <param name="message">What is not supported.</param>
public sealed class UnsupportedChatException(string message) : Exception(message);
