namespace Prescore.Specs;

/// <summary>An option of a method as it is published: what help and documentation are made from.</summary>
/// <param name="Name">Lower-case name in a spec.</param>
/// <param name="Meaning">What it sets, a phrase without a full stop; names of options and values stand in backticks.</param>
/// <param name="Range">The values that are allowed, in words.</param>
/// <param name="Default">The value where the spec gives none, in words.</param>
/// <param name="Condition">The other option that it goes with, such as <c>inner=hyper</c>; null: always allowed.</param>
/// <param name="ForResearch">Whether it is there for experiments: a user need not know it.</param>
public sealed record MethodOption(string Name, string Meaning, string Range, string Default, string? Condition, bool ForResearch);
