using Prescore.Attention;
using Prescore.Scoring;

namespace CustomMethods;

/// <summary>Makes this assembly's scorer and method known by name: <c>prescored:scorer=spread</c>, <c>dilated:stride=8</c>.</summary>
public static class CustomMethodsSample
{
    private static readonly Lazy<bool> Registered = new(() =>
    {
        KeyScorers.Register("spread", () => new SpreadScorer());
        AttentionMethods.Register(DilatedAttention.Options, DilatedAttention.FromSpec);
        return true;
    });

    /// <summary>Registers both, once.</summary>
    public static bool Register() => Registered.Value;
}
