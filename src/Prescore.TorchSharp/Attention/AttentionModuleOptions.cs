namespace Prescore.TorchSharp.Attention;

/// <summary>What a module's randomness depends on, besides the head.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Layer">Index of the layer that the module stands in.</param>
/// <param name="Protected">Keys at the start that are always kept and count as selected: 1 keeps a vision transformer's CLS.</param>
public sealed record AttentionModuleOptions(ulong Seed = 0, int Layer = 0, int Protected = 0);
