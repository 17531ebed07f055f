namespace Prescore.Models.Hub;

/// <summary>A model that cannot be fetched: no such repository, no leave, no network, or not what was promised. One line.</summary>
public sealed class HubException(string message, Exception? innerException = null) : IOException(message, innerException);
