using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Coreset;
using Prescore.Attention.Exact;
using Prescore.Attention.Hyper;
using Prescore.Attention.PreScored;
using Prescore.Attention.Quoka;
using Prescore.Attention.Window;
using Prescore.Specs;

namespace Prescore.Attention;

/// <summary>The registry of attention methods: one line a method.</summary>
public static class AttentionMethods
{
    private static readonly (string Name, Func<MethodSpec, IAttention> Create)[] BuiltIn =
    [
        ("exact", ExactAttention.FromSpec),
        ("window", WindowAttention.FromSpec),
        ("coreset", CoresetAttention.FromSpec),
        ("hyper", HyperAttention.FromSpec),
        ("prescored", PreScoredAttention.FromSpec),
        ("quoka", QuokaAttention.FromSpec),
        ("clustered", ClusteredAttention.FromSpec),
    ];

    private static readonly NameRegistry<Func<MethodSpec, IAttention>> Registry = new("method", BuiltIn);

    /// <summary>Names of all methods.</summary>
    public static string[] Names => Registry.Names;

    /// <summary>Adds a method of another assembly, from then on known by its name in every spec.</summary>
    /// <param name="name">Lower-case name.</param>
    /// <param name="create">Creates it.</param>
    /// <exception cref="ArgumentException">The name is taken or no name of a spec.</exception>
    public static void Register(string name, Func<MethodSpec, IAttention> create) => Registry.Add(name, create);

    /// <summary>Creates a method from its spec.</summary>
    /// <exception cref="MethodSpecException">Unknown method or option, or a value out of range.</exception>
    public static IAttention Create(string spec)
    {
        MethodSpec parsed = MethodSpec.Parse(spec);
        return Registry.Find(parsed.Name)(parsed);
    }
}
