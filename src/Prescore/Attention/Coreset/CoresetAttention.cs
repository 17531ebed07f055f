using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Window;
using Prescore.Specs;

namespace Prescore.Attention.Coreset;

/// <summary>
/// Attention over a weighted coreset: k-means clusters of the keys stand for their members, each as one term with its mean
/// key, its mean value and the logit bias ln count, and all queries attend to these terms alone. By Jensen's inequality the
/// log-sum-exp is at most exact attention's.
/// <list type="bullet">
/// <item>Not causal: s representatives of all keys; the first <c>protect</c> keys stay as they are and are not part of s.</item>
/// <item>Causal: a stream of blocks of 256 queries; block b computes the first 4 keys and the near keys from w before the
/// block on exactly, and s representatives of the keys before those, fitted on those keys alone.</item>
/// </list>
/// </summary>
public sealed class CoresetAttention : ISizedAttention
{
    /// <summary>Number of representatives s where the spec gives none.</summary>
    public const int DefaultRepresentatives = 64;

    /// <summary>Window w before a block where the spec gives none.</summary>
    public const int DefaultWindow = 64;

    /// <summary>Lloyd steps of a fit where the spec gives none.</summary>
    public const int DefaultSteps = 2;

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>(
        "coreset", "a window, and s weighted means of clusters of all other keys", new(), "coreset:s=64,w=64")
        .Integer(
            "s", "representatives; as many keys or fewer are computed exactly",
            settings => settings.Representatives, (settings, value) => settings with { Representatives = value }, minimum: 1)
        .Integer(
            "w", "causal: near keys before a block of queries",
            settings => settings.Window, (settings, value) => settings with { Window = value })
        .Integer(
            "protect", "not causal: keys at the start that stay as they are and are no part of `s`",
            settings => settings.Protected, (settings, value) => settings with { Protected = value })
        .Integer(
            "steps", "Lloyd steps after the k-means++ seeding at most",
            settings => settings.Steps, (settings, value) => settings with { Steps = value });

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="representatives">Number s of representatives a key/value head, at least 1; more than there are keys means all keys.</param>
    /// <param name="window">Keys w before a block of queries that are near, at least 0; causal attention alone.</param>
    /// <param name="protectedKeys">Keys at the start that stay as they are where attention is not causal, at least 0.</param>
    /// <param name="steps">Lloyd steps of a fit at most, at least 0 (the seeding's clusters).</param>
    public CoresetAttention(
        int representatives = DefaultRepresentatives, int window = DefaultWindow, int protectedKeys = 0, int steps = DefaultSteps)
        : this(new Settings(representatives, window, protectedKeys, steps), explicitSize: true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(representatives, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ArgumentOutOfRangeException.ThrowIfNegative(protectedKeys);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
    }

    private CoresetAttention(Settings settings, bool explicitSize) => (_settings, HasExplicitSize) = (settings, explicitSize);

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "s";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Creates the method from a spec such as <c>coreset:s=64,w=64,protect=1,steps=2</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or a value out of range.</exception>
    public static CoresetAttention FromSpec(MethodSpec spec) => new(Table.Read(spec), spec.Has("s"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new CoresetAttention(_settings with { Representatives = size }, HasExplicitSize);

    /// <inheritdoc/>
    /// <remarks>Where keys coincide there are fewer representatives, and fewer interactions.</remarks>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            sum += causal ? StreamingTerms(t) : Math.Min((long)_settings.Protected + _settings.Representatives, shape.Keys);
        }
        return sum * shape.QueryHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new CoresetMemory(shape, options, head => CoresetOf(0, head)), Compute);

    private void Compute(AttentionCall call)
    {
        if (call.Causal)
        {
            ComputeStream(call);
        }
        else
        {
            WholeCoreset.Attend(call, AddRepresentatives);
        }
    }

    private void AddRepresentatives(AttentionCall call, WeightedKeys keys, int batch, int head)
    {
        int end = Math.Min(_settings.Protected, call.Shape.Keys);
        int[] kept = KeptKeys.Between(call, batch, head, 0, end);
        int[] others = KeptKeys.Between(call, batch, head, end, call.Shape.Keys);
        keys.Begin(call, batch, head, kept.Length + Math.Min(_settings.Representatives, others.Length));
        foreach (int position in kept)
        {
            keys.AddKey(position);
        }
        WholeCoreset.AddRepresentatives(call, keys, batch, head, others, _settings.Representatives, _settings.Steps);
    }

    private void ComputeStream(AttentionCall call)
    {
        if (call.Memory is CoresetMemory memory)
        {
            ComputeStream(call, memory.Coresets);
            return;
        }
        int heads = call.Shape.KeyValueHeads;
        StreamingCoreset[] coresets = [.. Enumerable.Range(0, call.Shape.Batch * heads).Select(item => CoresetOf(item / heads, item % heads).Coreset)];
        try
        {
            ComputeStream(call, coresets);
        }
        finally
        {
            Array.ForEach(coresets, coreset => coreset.Dispose());
        }
    }

    private void ComputeStream(AttentionCall call, StreamingCoreset[] coresets)
    {
        PositionBlocks blocks = PositionBlocks.Of(call, FarKeys.BlockPositions);
        FarKeys[] far = [.. coresets.Select(coreset => coreset.Plan(call, blocks.FirstBlock + blocks.Count))];
        FarEpoch.RunAll(far, blocks.FirstBlock, call, (item, epoch) => coresets[item].Fit(call, epoch, block => far[item].Of(block).ToArray()));
        AttentionWorkspace.ForEachBlock(call, FarKeys.BlockPositions, () => new WeightedKeys(call.Options.Simd), (workspace, keys, batch, head, block) =>
        {
            int number = block.Start / FarKeys.BlockPositions;
            workspace.AttendAll(coresets[batch * call.Shape.KeyValueHeads + head].TilesOf(call, keys, number, without: []));
            workspace.Keys.AddRange(0, Math.Min(WindowAttention.Sinks, block.EndQuery));
            workspace.Keys.AddRange(FarKeys.NearStart(number, WindowAttention.Sinks, _settings.Window), block.EndQuery);
            workspace.AttendUpTo(ahead: 0);
        });
    }

    private (FarKeys Far, StreamingCoreset Coreset) CoresetOf(int batch, int head)
    {
        var far = new FarKeys(WindowAttention.Sinks, _settings.Window);
        return (far, new StreamingCoreset(batch, head, far, _settings.Representatives, _settings.Steps));
    }

    /// <summary>Terms that the query at position t computes.</summary>
    private long StreamingTerms(int t)
    {
        int near = FarKeys.NearStart(t / FarKeys.BlockPositions, WindowAttention.Sinks, _settings.Window);
        return Math.Min(WindowAttention.Sinks, t + 1) + Math.Min(_settings.Representatives, near - WindowAttention.Sinks) + Math.Max(0, t - near + 1);
    }

    private sealed record Settings(
        int Representatives = DefaultRepresentatives, int Window = DefaultWindow, int Protected = 0, int Steps = DefaultSteps);
}
