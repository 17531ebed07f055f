using Prescore.Attention.Clustered;
using Prescore.Kernels;

namespace Prescore.Attention;

/// <summary>
/// Clustered attention: far keys live in clusters; a query visits the clusters whose mean key suits it best and keeps
/// every other cluster as one term of the same softmax; how many it visits is set by the error that exact probe queries
/// of earlier blocks measured. Strictly causal. See <c>docs/clustered.md</c>.
/// </summary>
public sealed class ClusteredAttention(ClusteredOptions options) : IAttention
{
    /// <summary>The settings.</summary>
    public ClusteredOptions Options => options;

    /// <inheritdoc/>
    public string Spec
    {
        get
        {
            var parts = new List<string>();
            if (options.Budget is null || options.TargetError is not null)
            {
                parts.Add(FormattableString.Invariant($"error={options.EffectiveTargetError}"));
            }
            if (options.Budget is not null)
            {
                parts.Add(FormattableString.Invariant($"budget={options.Budget}"));
            }
            parts.Add(FormattableString.Invariant($"block={options.BlockSize},w={options.Near},kappa={options.ClusterFactor},probes={options.Probes},every={options.ProbeSpacing}"));
            parts.Add(options.Storage == KeyValueStorage.Fp16 ? "storage=fp16" : "storage=fp32");
            return "clustered:" + string.Join(',', parts);
        }
    }

    /// <summary>Creates the method from a spec such as <c>clustered:error=0.1</c>.</summary>
    public static ClusteredAttention FromSpec(MethodSpec spec)
    {
        var defaults = new ClusteredOptions();
        var options = new ClusteredOptions
        {
            TargetError = spec.Fraction("error"),
            Budget = spec.Fraction("budget"),
            BlockSize = spec.Integer("block", 16) ?? defaults.BlockSize,
            Near = spec.Integer("w", 0) ?? defaults.Near,
            ClusterFactor = spec.Fraction("kappa", 64) ?? defaults.ClusterFactor,
            Probes = spec.Integer("probes", 1) ?? defaults.Probes,
            ProbeSpacing = spec.Integer("every", 1) ?? defaults.ProbeSpacing,
            Caution = spec.Fraction("caution", 100) ?? defaults.Caution,
            ProbeDecay = spec.Fraction("decay") ?? defaults.ProbeDecay,
            RefitGrowth = spec.Fraction("growth", 16) ?? defaults.RefitGrowth,
            FitSteps = spec.Integer("steps", 0) ?? defaults.FitSteps,
            Storage = spec.Choice("storage", "fp32", "fp16") == "fp16" ? KeyValueStorage.Fp16 : KeyValueStorage.Fp32,
        };
        spec.RefuseUnread("error", "budget", "block", "w", "kappa", "probes", "every", "caution", "decay", "growth", "steps", "storage");
        return new ClusteredAttention(options);
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions run, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, run, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions run) => new ClusteredKeyValueCache(options, shape, run);

    private void Compute(AttentionCall call)
    {
        if (!call.Causal)
        {
            throw new NotSupportedException("non-causal clustered attention");
        }
        var shape = new CacheShape(
            call.Shape.QueryHeads, call.Shape.KeyValueHeads, call.Shape.HeadDimension, call.Shape.ValueDimension, call.Scale);
        for (int batch = 0; batch < call.Shape.Batch; batch++)
        {
            using var layer = new ClusteredLayer(options, shape, call.Options);
            layer.Append(call, batch, 0, call.Shape.Keys, call.Shape.FirstQueryPosition);
        }
    }
}
