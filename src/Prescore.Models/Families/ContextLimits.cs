namespace Prescore.Models.Families;

/// <summary>How many tokens a model takes without scaling beyond its own.</summary>
/// <param name="Tokens">The context that the metadata stand for.</param>
/// <param name="IsHard">Whether nothing computes positions beyond it, whoever allows them.</param>
internal readonly record struct ContextLimits(int Tokens, bool IsHard);
