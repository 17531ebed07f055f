using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Scheduling;
using Prescore.Specs;

namespace Prescore.Attention.Window;

/// <summary>
/// Sliding-window attention with attention sinks (Xiao et al., arXiv 2309.17453): the query at position t sees the keys
/// [t − w + 1, t] and the first <see cref="Sinks"/>; where attention is not causal, the keys [t − w + 1, t + w − 1] and
/// the first <see cref="Sinks"/> (or as many as are wanted). The baseline that a sparse method must beat at equal budget.
/// </summary>
public sealed class WindowAttention : ISizedAttention
{
    /// <summary>Number of keys at the start that every later query sees where the spec gives none.</summary>
    public const int Sinks = 4;

    /// <summary>Window where the spec gives none.</summary>
    public const int DefaultWindow = 512;

    private const int LargestItem = 128;

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>("window", "the last w keys and the first 4", new(), "window:w=512")
        .Integer(
            "w", "keys up to and including the query's own; where attention is not causal, as many on the other side",
            settings => settings.Window, (settings, value) => settings with { Window = value })
        .Integer(
            "sinks", "keys at the start that every later query sees",
            settings => settings.Sinks, (settings, value) => settings with { Sinks = value }).LeftOutByDefault();

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="window">Number w of keys up to the query's own, at least 0 (the sinks alone).</param>
    /// <param name="sinks">Number of keys at the start that every later query sees: 0 in models trained with a window.</param>
    public WindowAttention(int window = DefaultWindow, int sinks = Sinks)
        : this(new Settings(window, sinks), explicitSize: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ArgumentOutOfRangeException.ThrowIfNegative(sinks);
    }

    private WindowAttention(Settings settings, bool explicitSize) => (_settings, HasExplicitSize) = (settings, explicitSize);

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "w";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Creates the method from a spec such as <c>window:w=512</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or w below 0.</exception>
    public static WindowAttention FromSpec(MethodSpec spec) => new(Table.Read(spec), spec.Has("w"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new WindowAttention(_settings with { Window = size }, HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            (int first, int end) = WindowOf(t, t + 1, shape.Keys, causal);
            sum += Math.Min(_settings.Sinks, causal ? t + 1 : shape.Keys) + Math.Max(0, end - first);
        }
        return sum * shape.QueryHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new SequenceMemory(shape, options), Compute);

    private void Compute(AttentionCall call)
    {
        // With no more positions than the window, some keys are seen by all queries of an item, those before them by
        // its first queries and those behind by its last.
        int size = _settings.Window == 0 ? LargestItem : Math.Min(_settings.Window, LargestItem);
        PositionBlocks blocks = PositionBlocks.Of(call, size);
        ParallelItems.Run(
            call.Shape.Batch * call.Shape.KeyValueHeads * blocks.Count,
            call.Options.Threads,
            () => new AttentionWorkspace(call, size),
            (workspace, item) =>
            {
                (int sequenceHead, int block) = Math.DivRem(item, blocks.Count);
                (int batch, int head) = Math.DivRem(sequenceHead, call.Shape.KeyValueHeads);
                Attend(call, workspace, batch, head, blocks[block]);
            },
            static workspace => workspace.Dispose(),
            call.CancellationToken);
    }

    private void Attend(AttentionCall call, AttentionWorkspace workspace, int batch, int head, PositionBlock block)
    {
        (int first, int end) = WindowOf(block.FirstQuery, block.EndQuery, call.Shape.Keys, call.Causal);
        // From the block's own end, not the call's last query: a prompt cut elsewhere packs the same tiles.
        int middle = Math.Clamp((int)Math.Min((long)block.End - _settings.Window, end), first, Math.Max(first, end));
        workspace.Begin(batch, head, block.FirstQuery, block.EndQuery);
        workspace.Keys.AddRangeDescending(first, middle);
        workspace.AttendFrom(_settings.Window - 1);
        workspace.BeginList();
        workspace.Keys.AddRange(0, Math.Min(_settings.Sinks, call.Causal ? block.EndQuery : call.Shape.Keys));
        int sinks = workspace.Keys.Count;
        workspace.Keys.AddRange(middle, end);
        workspace.AttendUpTo(call.Causal ? 0 : Math.Max(0, _settings.Window - 1), call.Causal ? 0 : sinks);
        workspace.Finish();
    }

    /// <summary>Keys behind the sinks that the queries at positions [firstQuery, endQuery) see at most: [First, End).</summary>
    private (int First, int End) WindowOf(int firstQuery, int endQuery, int keys, bool causal)
    {
        if (_settings.Window == 0)
        {
            return (_settings.Sinks, _settings.Sinks);
        }
        long first = Math.Max(_settings.Sinks, (long)firstQuery - _settings.Window + 1);
        long end = Math.Min(keys, causal ? endQuery : (long)endQuery + _settings.Window - 1);
        return ((int)Math.Min(first, int.MaxValue), (int)end);
    }

    private sealed record Settings(int Window = DefaultWindow, int Sinks = Sinks);
}
