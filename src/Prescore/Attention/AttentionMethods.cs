using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Coreset;
using Prescore.Attention.Exact;
using Prescore.Attention.Hyper;
using Prescore.Attention.PreScored;
using Prescore.Attention.Window;
using Prescore.Specs;

namespace Prescore.Attention;

/// <summary>The registry of attention methods: one line a method.</summary>
public static class AttentionMethods
{
    private static readonly (string Name, Func<MethodSpec, IAttention> Create)[] Registry =
    [
        ("exact", ExactAttention.FromSpec),
        ("window", WindowAttention.FromSpec),
        ("coreset", CoresetAttention.FromSpec),
        ("hyper", HyperAttention.FromSpec),
        ("prescored", PreScoredAttention.FromSpec),
        ("clustered", ClusteredAttention.FromSpec),
    ];

    /// <summary>Names of all methods.</summary>
    public static string[] Names { get; } = [.. Registry.Select(entry => entry.Name)];

    /// <summary>Creates a method from its spec.</summary>
    /// <exception cref="MethodSpecException">Unknown method or option, or a value out of range.</exception>
    public static IAttention Create(string spec)
    {
        MethodSpec parsed = MethodSpec.Parse(spec);
        foreach ((string name, Func<MethodSpec, IAttention> create) in Registry)
        {
            if (name == parsed.Name)
            {
                return create(parsed);
            }
        }
        throw MethodSpecException.Unknown("method", parsed.Name, Names);
    }
}
