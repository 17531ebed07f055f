namespace Prescore.Models.Inference;

/// <summary>A session cannot go into a file, as its method's caches do not say how (<see cref="Attention.Contracts.ISavableCache"/>).</summary>
/// <param name="method">The method.</param>
public sealed class SessionNotSavableException(string method)
    : NotSupportedException($"a session with {method} cannot be saved: the method's caches do not support it");
