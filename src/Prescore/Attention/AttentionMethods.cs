using Prescore.Attention.Antidiagonal;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Coreset;
using Prescore.Attention.Exact;
using Prescore.Attention.Hyper;
using Prescore.Attention.PreScored;
using Prescore.Attention.Quest;
using Prescore.Attention.Quoka;
using Prescore.Attention.Window;
using Prescore.Specs;

namespace Prescore.Attention;

/// <summary>The registry of attention methods: one line a method.</summary>
public static class AttentionMethods
{
    private static readonly (OptionTable Options, Func<MethodSpec, IAttention> Create)[] BuiltIn =
    [
        (ExactAttention.Options, ExactAttention.FromSpec),
        (WindowAttention.Options, WindowAttention.FromSpec),
        (CoresetAttention.Options, CoresetAttention.FromSpec),
        (HyperAttention.Options, HyperAttention.FromSpec),
        (PreScoredAttention.Options, PreScoredAttention.FromSpec),
        (QuestAttention.Options, QuestAttention.FromSpec),
        (QuokaAttention.Options, QuokaAttention.FromSpec),
        (XAttention.Options, XAttention.FromSpec),
        (ClusteredAttention.SpecOptions, ClusteredAttention.FromSpec),
    ];

    private static readonly NameRegistry<(OptionTable Options, Func<MethodSpec, IAttention> Create)> Registry =
        new("method", BuiltIn.Select(method => (method.Options.Method, method)));

    /// <summary>Names of all methods.</summary>
    public static string[] Names => Registry.Names;

    /// <summary>Names, summaries and options of all methods.</summary>
    public static IReadOnlyList<OptionTable> Options => [.. Registry.Entries.Select(method => method.Options)];

    /// <summary>Adds a method of another assembly, from then on known by its name in every spec, and listed with its options.</summary>
    /// <param name="options">Name, summary and options.</param>
    /// <param name="create">Creates it.</param>
    /// <exception cref="ArgumentException">The name is taken or no name of a spec.</exception>
    public static void Register(OptionTable options, Func<MethodSpec, IAttention> create) =>
        Registry.Add(options.Method, (options, create));

    /// <summary>Creates a method from its spec.</summary>
    /// <exception cref="MethodSpecException">Unknown method or option, or a value out of range.</exception>
    public static IAttention Create(string spec)
    {
        MethodSpec parsed = MethodSpec.Parse(spec);
        return Registry.Find(parsed.Name).Create(parsed);
    }
}
