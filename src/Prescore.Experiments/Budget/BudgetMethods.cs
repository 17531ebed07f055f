using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Coreset;
using Prescore.Attention.Hyper;
using Prescore.Attention.PreScored;

namespace Prescore.Experiments.Budget;

/// <summary>The methods of a budget study.</summary>
public static class BudgetMethods
{
    /// <summary>Blocks and exact leaves so small that HyperAttention keeps a budget of a quarter from 2,048 tokens on.</summary>
    private const string HyperSizes = "block=32,min=128";

    /// <summary>The paper's comparison: HyperAttention alone, and behind clustering, leverage and, as a control, random keys.</summary>
    public static IReadOnlyList<string> Paper { get; } =
    [
        "hyper:" + HyperSizes,
        .. new[] { "kmeans", "leverage", "random" }.Select(scorer => $"prescored:scorer={scorer},inner=hyper,{HyperSizes}"),
    ];

    /// <summary>The paper's methods and controls, the rivals and ours: minutes.</summary>
    public static IReadOnlyList<string> Few { get; } =
    [
        "window",
        .. Paper,
        "prescored:scorer=kmeans,inner=exact",
        "prescored:scorer=leverage,inner=exact",
        "prescored:scorer=random,inner=exact",
        "quoka",
        "quest",
        "xattention:threshold=0.9",
        "clustered",
    ];

    /// <summary>Every scorer of the paper and its controls, with both inner methods, and every way to keep the rest: hours.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "window",
        Paper[0],
        .. new[] { "hyper," + HyperSizes, "exact" }.SelectMany(inner =>
            new[] { "kmeans", "kmedian", "leverage", "ridge", "norm", "keydiff", "random" }.Select(scorer => $"prescored:scorer={scorer},inner={inner}")),
        "prescored:scorer=kmeans,inner=exact,rest=coreset",
        "coreset",
        "quoka",
        "quest",
        "xattention:threshold=0.7",
        "xattention:threshold=0.9",
        "xattention:threshold=0.98",
        "clustered",
        "clustered:error=0.05",
        "clustered:error=0.1",
        "clustered:error=0.2",
    ];

    /// <summary>Whether a method's outputs depend on the seed.</summary>
    public static bool IsRandom(IAttention method) => method is HyperAttention or PreScoredAttention or CoresetAttention or ClusteredAttention;
}
