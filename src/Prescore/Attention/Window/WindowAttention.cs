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

    private readonly int _window;
    private readonly int _sinks;

    /// <summary>Creates the method.</summary>
    /// <param name="window">Number w of keys up to the query's own, at least 0 (the sinks alone).</param>
    /// <param name="sinks">Number of keys at the start that every later query sees: 0 in models trained with a window.</param>
    public WindowAttention(int window = DefaultWindow, int sinks = Sinks)
        : this(window, sinks, explicitSize: true)
    {
    }

    private WindowAttention(int window, int sinks, bool explicitSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ArgumentOutOfRangeException.ThrowIfNegative(sinks);
        _window = window;
        _sinks = sinks;
        HasExplicitSize = explicitSize;
    }

    /// <inheritdoc/>
    public string Spec => _sinks == Sinks ? $"window:w={_window}" : $"window:w={_window},sinks={_sinks}";

    /// <inheritdoc/>
    public string SizeParameter => "w";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Creates the method from a spec such as <c>window:w=512</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or w below 0.</exception>
    public static WindowAttention FromSpec(MethodSpec spec)
    {
        int? window = spec.Integer("w", 0);
        int? sinks = spec.Integer("sinks", 0);
        spec.RefuseUnread("w", "sinks");
        return new WindowAttention(window ?? DefaultWindow, sinks ?? Sinks, window is not null);
    }

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new WindowAttention(size, _sinks, HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            (int first, int end) = WindowOf(t, t + 1, shape.Keys, causal);
            sum += Math.Min(_sinks, causal ? t + 1 : shape.Keys) + Math.Max(0, end - first);
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
        int size = _window == 0 ? LargestItem : Math.Min(_window, LargestItem);
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
        int middle = Math.Clamp((int)Math.Min((long)block.End - _window, end), first, Math.Max(first, end));
        workspace.Begin(batch, head, block.FirstQuery, block.EndQuery);
        workspace.Keys.AddRangeDescending(first, middle);
        workspace.AttendFrom(_window - 1);
        workspace.BeginList();
        workspace.Keys.AddRange(0, Math.Min(_sinks, call.Causal ? block.EndQuery : call.Shape.Keys));
        int sinks = workspace.Keys.Count;
        workspace.Keys.AddRange(middle, end);
        workspace.AttendUpTo(call.Causal ? 0 : Math.Max(0, _window - 1), call.Causal ? 0 : sinks);
        workspace.Finish();
    }

    /// <summary>Keys behind the sinks that the queries at positions [firstQuery, endQuery) see at most: [First, End).</summary>
    private (int First, int End) WindowOf(int firstQuery, int endQuery, int keys, bool causal)
    {
        if (_window == 0)
        {
            return (_sinks, _sinks);
        }
        long first = Math.Max(_sinks, (long)firstQuery - _window + 1);
        long end = Math.Min(keys, causal ? endQuery : (long)endQuery + _window - 1);
        return ((int)Math.Min(first, int.MaxValue), (int)end);
    }
}
