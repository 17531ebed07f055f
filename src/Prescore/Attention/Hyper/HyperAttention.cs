using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Specs;

namespace Prescore.Attention.Hyper;

/// <summary>
/// HyperAttention (Han et al., arXiv 2310.05869): keys and queries are sorted by an angular hash, a query computes the
/// keys of one block of that order exactly and estimates the others from a random sample. Causal attention runs on a
/// tree of absolute dyadic segments, so a query's output does not depend on what comes after its segment.
/// </summary>
public sealed class HyperAttention : ISizedAttention
{
    private readonly HyperSettings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="settings">Sizes; null means <see cref="HyperSettings.Default"/>.</param>
    public HyperAttention(HyperSettings? settings = null)
        : this((settings ?? HyperSettings.Default).Validated(), explicitSize: settings is not null)
    {
    }

    private HyperAttention(HyperSettings settings, bool explicitSize)
    {
        _settings = settings;
        HasExplicitSize = explicitSize;
    }

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => HyperSettings.Table;

    /// <inheritdoc/>
    public string Spec => HyperSettings.Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "sample";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Creates the method from a spec such as <c>hyper:block=128,sample=128,min=512,pairing=rank</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or a value out of range.</exception>
    public static HyperAttention FromSpec(MethodSpec spec) => new(HyperSettings.Table.Read(spec), spec.Has("sample"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new HyperAttention((_settings with { Sample = size }).Validated(), HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal) =>
        HyperRun.CountInteractions(shape, causal, _settings, WholeSegment.Instance);

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, call => HyperRun.Run(call, _settings, WholeSegment.Instance));

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new HyperMemory(shape, options), call => HyperRun.Run(call, _settings, WholeSegment.Instance));
}
