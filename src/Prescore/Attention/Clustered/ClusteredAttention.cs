using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Specs;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Clustered attention: far keys live in clusters; a query visits the clusters whose mean key suits it best and keeps
/// every other cluster as one term of the same softmax; how many it visits is set by the error that exact probe queries
/// of earlier blocks measured. Strictly causal. See <c>docs/clustered.md</c>.
/// </summary>
public sealed class ClusteredAttention(ClusteredOptions options) : IBudgetedAttention, ICertifiedAttention
{
    /// <summary>The settings.</summary>
    public ClusteredOptions Options => options;

    /// <summary>Scratch memory of its layers.</summary>
    internal QueryBatchPools Pools { get; } = new();

    /// <inheritdoc/>
    public string Spec => ClusteredOptions.Table.Print(options);

    /// <summary>Name, summary and options.</summary>
    public static OptionTable SpecOptions => ClusteredOptions.Table;

    /// <inheritdoc/>
    public double? TargetError => options.TargetError ?? (options.Budget is null ? ClusteredOptions.DefaultTargetError : null);

    /// <inheritdoc/>
    public bool IsLimited => options.TargetError is not null || options.Budget is not null;

    /// <inheritdoc/>
    public IBudgetedAttention WithBudget(double budget) => new ClusteredAttention(options with { Budget = budget });

    /// <summary>Creates the method from a spec such as <c>clustered:error=0.1</c>.</summary>
    /// <exception cref="MethodSpecException">An option is unknown or out of range.</exception>
    public static ClusteredAttention FromSpec(MethodSpec spec) => new(ClusteredOptions.Table.Read(spec));

    /// <summary>
    /// The smallest budget that causal attention over <paramref name="tokens"/> tokens can keep: near part, centroids and
    /// probes ÷ exact's interactions.
    /// </summary>
    public double BudgetFloor(int tokens) => BlockCaps.Floor(options, tokens);

    /// <inheritdoc/>
    /// <exception cref="BudgetException">The budget leaves no room for near part, centroids and probes.</exception>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions run, CancellationToken cancellationToken = default)
    {
        RequireBudget(input.Shape, input.Causal);
        var certificates = new List<HeadCertificate>();
        AttentionReport report = AttentionCall.Run(input, output, run, cancellationToken, call => Compute(call, certificates));
        return report with { Certificates = certificates };
    }

    /// <summary>Refuses a budget below the floor of a shape.</summary>
    /// <exception cref="BudgetException">The budget leaves no room for near part, centroids and probes.</exception>
    public void RequireBudget(AttentionShape shape, bool causal)
    {
        if (options.Budget is not double budget)
        {
            return;
        }
        double floor = causal ? BudgetFloor(shape.Keys) : (double)options.ClustersFor(0, shape.Keys) / Math.Max(1, shape.Keys);
        if (budget < floor)
        {
            throw new BudgetException(budget, floor, shape.Keys, "near part, centroids and probes", "block, w or kappa");
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A cache never refuses a budget: the floor of <see cref="BudgetFloor"/> falls with the length, and a cache does not
    /// know its last. Below the floor a block spends no more than near part, centroids and probes, and the certificates
    /// count in <see cref="HeadCertificate.UnmetBlocks"/> where that was too little. Who knows the length asks <see cref="RequireBudget"/> first.
    /// </remarks>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions run) => new ClusteredKeyValueCache(options, Pools, shape, run);

    private void Compute(AttentionCall call, List<HeadCertificate> certificates)
    {
        call.RefuseOverflow();
        var shape = new CacheShape(
            call.Shape.QueryHeads, call.Shape.KeyValueHeads, call.Shape.HeadDimension, call.Shape.ValueDimension, call.Scale);
        for (int batch = 0; batch < call.Shape.Batch; batch++)
        {
            if (!call.Causal)
            {
                certificates.AddRange(new WholeSequence(options, call, batch).Run());
                continue;
            }
            using var layer = new ClusteredLayer(options, Pools, shape, call.Options, call.HasLogWeights);
            layer.Append(call, batch, call.Shape.FirstQueryPosition);
            certificates.AddRange(layer.Certificates());
        }
    }
}
