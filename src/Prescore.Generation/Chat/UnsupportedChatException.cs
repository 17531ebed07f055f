namespace Prescore.Generation.Chat;

/// <summary>A model without a chat template or with one that is not understood, or messages that it refuses.</summary>
/// <param name="message">What is not supported.</param>
public class UnsupportedChatException(string message) : Exception(message);
