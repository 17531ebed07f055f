using Prescore.Attention.Coreset;
using Prescore.Attention.Exact;
using Prescore.Attention.PreScored;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.TorchSharp.Attention;

/// <summary>The registry of attention modules, in the grammar of method specs: one line a method.</summary>
public static class AttentionModules
{
    private const int DefaultSize = 32;

    private static readonly MethodOptions<int> WindowOptions = new MethodOptions<int>("window", "the last w keys and the first 4", DefaultSize)
        .Integer("w", "keys up to and including the query's own", window => window, (_, value) => value);

    private static readonly MethodOptions<Selection> PreScoredOptions = new MethodOptions<Selection>(
        "prescored", "the s keys with the best scores", new Selection(KeyScorers.CreateForKeys(PreScoredAttention.DefaultScorer)))
        .Named("scorer", "how keys are ranked", "a scorer", selection => selection.Scorer.Name, (selection, value) => selection with { Scorer = KeyScorers.CreateForKeys(value) })
        .Integer("s", "keys selected", selection => selection.Count, (selection, value) => selection with { Count = value }, minimum: 1)
        .Choice(
            "rest", "`coreset`: the other keys stay in the softmax as weighted representatives",
            selection => selection.IsCoreset, (selection, value) => selection with { IsCoreset = value }, ("none", false), ("coreset", true))
        .Integer(
            "reps", "number of representatives",
            selection => selection.Representatives, (selection, value) => selection with { Representatives = value }, minimum: 1)
            .GoesWith("rest=coreset", selection => selection.IsCoreset);

    private static readonly (string Name, Func<MethodSpec, AttentionModuleOptions, AttentionModule> Create)[] Registry =
    [
        ("exact", Exact),
        ("window", static (spec, _) => new WindowModule(WindowOptions.Read(spec))),
        ("prescored", PreScored),
        ("coreset", Coreset),
    ];

    /// <summary>Names of all methods that can be trained with.</summary>
    public static string[] Names { get; } = [.. Registry.Select(entry => entry.Name)];

    /// <summary>Creates a module, such as of <c>prescored:scorer=kmeans,s=32</c> or <c>coreset:s=32</c>.</summary>
    /// <exception cref="MethodSpecException">Unknown method or option, or a value out of range.</exception>
    public static AttentionModule Create(string spec, AttentionModuleOptions options)
    {
        MethodSpec parsed = MethodSpec.Parse(spec);
        foreach ((string name, Func<MethodSpec, AttentionModuleOptions, AttentionModule> create) in Registry)
        {
            if (name == parsed.Name)
            {
                return create(parsed, options);
            }
        }
        throw MethodSpecException.Unknown("method for training", parsed.Name, Names);
    }

    private static ExactModule Exact(MethodSpec spec, AttentionModuleOptions options)
    {
        // Refuses the options that it does not have.
        ExactAttention.FromSpec(spec);
        return new ExactModule();
    }

    private static PreScoredModule PreScored(MethodSpec spec, AttentionModuleOptions options)
    {
        Selection selection = PreScoredOptions.Read(spec);
        return new PreScoredModule(selection.Scorer, selection.Count, selection.IsCoreset ? selection.Representatives : 0, options);
    }

    private static CoresetModule Coreset(MethodSpec spec, AttentionModuleOptions options)
    {
        int count = new MethodOptions<int>("coreset", "s weighted means of clusters of the keys", DefaultSize)
            .Integer("s", "representatives, protected keys among them", count => count, (_, value) => value, minimum: options.Protected + 1)
            .Read(spec);
        return new CoresetModule(count, options);
    }

    private sealed record Selection(
        IKeyScorer Scorer, int Count = DefaultSize, bool IsCoreset = false, int Representatives = CoresetAttention.DefaultRepresentatives);
}
