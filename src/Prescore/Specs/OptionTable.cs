namespace Prescore.Specs;

/// <summary>What a method is called, what it does, and its options.</summary>
/// <param name="method">Name of the method in specs.</param>
/// <param name="summary">What it computes, a phrase without a full stop.</param>
/// <param name="example">A spec to start from.</param>
public abstract class OptionTable(string method, string summary, string? example)
{
    /// <summary>Name of the method in specs.</summary>
    public string Method => method;

    /// <summary>What it computes.</summary>
    public string Summary => summary;

    /// <summary>A spec to start from; the name alone where there is no other.</summary>
    public string Example => example ?? method;

    /// <summary>The options, in the order in which the full spec names them.</summary>
    public abstract IReadOnlyList<MethodOption> Options { get; }
}
