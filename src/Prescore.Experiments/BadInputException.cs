namespace Prescore.Experiments;

/// <summary>The user asked for something that cannot be done; the message is one line that says what, where and what to do.</summary>
public sealed class BadInputException(string message) : Exception(message);
