using Prescore.Specs;

namespace Prescore.Attention.PreScored;

/// <summary>What becomes of the keys around a selection that exact attention is computed on. The default: nothing.</summary>
/// <param name="Representatives">
/// Number of weighted representatives that stand for the ranked keys that were not selected, at least 0; 0 leaves them out.
/// </param>
/// <param name="Protected">Keys at the start that are always in where attention is not causal, at least 0.</param>
public readonly record struct SelectionRest(int Representatives = 0, int Protected = 0)
{
    /// <summary>Number of representatives where <c>rest=coreset</c> gives none.</summary>
    public const int DefaultRepresentatives = 64;

    /// <summary>Names of the options in a spec.</summary>
    internal static string[] OptionNames { get; } = ["rest", "reps", "protect"];

    /// <summary>The options in a spec, each with a comma before it; nothing for the default.</summary>
    internal string Options =>
        (Representatives > 0 ? $",rest=coreset,reps={Representatives}" : "") + (Protected > 0 ? $",protect={Protected}" : "");

    /// <summary>Reads the options <c>rest=coreset</c>, <c>reps</c> and <c>protect</c>.</summary>
    /// <exception cref="MethodSpecException">A value out of range, or a number of representatives of nothing.</exception>
    internal static SelectionRest FromSpec(MethodSpec spec)
    {
        bool coreset = spec.Choice("rest", "none", "coreset") == "coreset";
        int? representatives = spec.Integer("reps", 1);
        if (representatives is not null && !coreset)
        {
            throw new MethodSpecException($"option 'reps' of method '{spec.Name}' goes with rest=coreset");
        }
        return new SelectionRest(coreset ? representatives ?? DefaultRepresentatives : 0, spec.Integer("protect", 0) ?? 0);
    }
}
