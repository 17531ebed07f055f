using Prescore.Attention.Coreset;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.TorchSharp.Attention;

/// <summary>The registry of attention modules, in the grammar of method specs: one line a method.</summary>
public static class AttentionModules
{
    private static readonly (string Name, Func<MethodSpec, AttentionModuleOptions, AttentionModule> Create)[] Registry =
    [
        ("exact", Exact),
        ("window", Window),
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
        spec.RefuseUnread();
        return new ExactModule();
    }

    private static WindowModule Window(MethodSpec spec, AttentionModuleOptions options)
    {
        int window = spec.Integer("w", 0) ?? 32;
        spec.RefuseUnread("w");
        return new WindowModule(window);
    }

    private static PreScoredModule PreScored(MethodSpec spec, AttentionModuleOptions options)
    {
        IKeyScorer scorer = KeyScorers.Create(spec.Text("scorer") ?? "kmeans");
        int count = spec.Integer("s", 1) ?? 32;
        bool coreset = spec.Choice("rest", "none", "coreset") == "coreset";
        int representatives = coreset ? spec.Integer("reps", 1) ?? CoresetAttention.DefaultRepresentatives : 0;
        spec.RefuseUnread([.. (string[])["scorer", "s", "rest"], .. coreset ? (string[])["reps"] : []]);
        return new PreScoredModule(scorer, count, representatives, options);
    }

    private static CoresetModule Coreset(MethodSpec spec, AttentionModuleOptions options)
    {
        int count = spec.Integer("s", options.Protected + 1) ?? 32;
        spec.RefuseUnread("s");
        return new CoresetModule(count, options);
    }
}
