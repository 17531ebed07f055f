using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Hyper;
using Prescore.Attention.Window;
using Prescore.Scheduling;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Attention.PreScored;

/// <summary>
/// Pre-scored attention (arXiv 2505.11040): a scorer ranks the keys, without knowing any query, and attention is
/// restricted to the s that rank highest.
/// <list type="bullet">
/// <item><c>inner=exact</c>, causal: a stream of blocks of 256 queries; block b computes exactly the first 4 keys, the
/// near keys from w before the block on, and the top s of the keys before those, scored from those keys alone.</item>
/// <item><c>inner=hyper</c>, causal, the paper's form: at every node of HyperAttention's tree the scorer ranks the
/// node's keys and HyperAttention runs on the top s; keys that are not selected are left out of the residual too. The
/// first 4 keys are computed exactly; the leaves are the recent window.</item>
/// <item>Not causal: the scorer ranks all keys, and attention is exact, or HyperAttention, on the top s. No key is
/// protected.</item>
/// </list>
/// </summary>
public sealed class PreScoredAttention : ISizedAttention
{
    /// <summary>Scorer where the spec gives none.</summary>
    public const string DefaultScorer = "kmeans";

    /// <summary>Number of selected keys s where the spec gives none.</summary>
    public const int DefaultSelected = 256;

    /// <summary>Window w before a block where the spec gives none.</summary>
    public const int DefaultWindow = 64;

    private readonly IKeyScorer _scorer;
    private readonly int _selected;
    private readonly int _window;
    private readonly HyperSettings? _inner;

    /// <summary>Creates the method.</summary>
    /// <param name="scorer">Ranks the keys.</param>
    /// <param name="selected">Number s of keys selected, at least 1; more than there are means all.</param>
    /// <param name="window">Keys w before a block of queries that are near, at least 0; not used with an inner HyperAttention.</param>
    /// <param name="inner">Sizes of the inner HyperAttention; null for exact attention on the selected keys.</param>
    public PreScoredAttention(IKeyScorer scorer, int selected = DefaultSelected, int window = DefaultWindow, HyperSettings? inner = null)
        : this(scorer, selected, window, inner?.Validated(), explicitSize: true)
    {
    }

    private PreScoredAttention(IKeyScorer scorer, int selected, int window, HyperSettings? inner, bool explicitSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(selected, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        (_scorer, _selected, _window, _inner) = (scorer, selected, window, inner);
        HasExplicitSize = explicitSize;
    }

    /// <inheritdoc/>
    public string Spec => $"prescored:scorer={_scorer.Name},s={_selected}," +
        (_inner is null ? $"w={_window},inner=exact" : $"inner=hyper,{_inner.Options}");

    /// <inheritdoc/>
    public string SizeParameter => "s";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    private TopOfSegment Selection => new(_scorer, _selected);

    /// <summary>
    /// Creates the method from a spec such as <c>prescored:scorer=kmeans,s=256,w=64,inner=exact</c> or
    /// <c>prescored:scorer=kmeans,s=256,inner=hyper,block=128,sample=128,min=512,pairing=rank</c>.
    /// </summary>
    /// <exception cref="MethodSpecException">An unknown scorer or option, or a value out of range.</exception>
    public static PreScoredAttention FromSpec(MethodSpec spec)
    {
        bool hyper = spec.Choice("inner", "exact", "hyper") == "hyper";
        IKeyScorer scorer = KeyScorers.Create(spec.Text("scorer") ?? DefaultScorer);
        int? selected = spec.Integer("s", 1);
        HyperSettings? inner = hyper ? HyperSettings.FromSpec(spec) : null;
        int window = (hyper ? null : spec.Integer("w", 0)) ?? DefaultWindow;
        spec.RefuseUnread([.. (string[])["scorer", "s", "inner"], .. hyper ? HyperSettings.OptionNames : ["w"]]);
        return new PreScoredAttention(scorer, selected ?? DefaultSelected, window, inner, selected is not null);
    }

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new PreScoredAttention(_scorer, size, _window, _inner, HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        if (_inner is not null)
        {
            return HyperRun.CountInteractions(shape, causal, _inner, Selection);
        }
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            sum += causal ? StreamingTerms(t) : Math.Min(_selected, shape.Keys);
        }
        return sum * shape.QueryHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) => new ContiguousKeyValueCache(this, shape, options);

    private void Compute(AttentionCall call)
    {
        if (_inner is not null)
        {
            HyperRun.Run(call, _inner, Selection);
        }
        else if (call.Causal)
        {
            ComputeStream(call);
        }
        else
        {
            ComputeSelected(call);
        }
    }

    /// <summary>Exact attention, not causal, on the top s of all keys.</summary>
    private void ComputeSelected(AttentionCall call)
    {
        int heads = call.Shape.KeyValueHeads;
        var selected = new int[call.Shape.Batch * heads][];
        ParallelItems.Run(selected.Length, call.Options.Threads, item =>
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            selected[item] = Selection.Select(call, item / heads, item % heads, 0, call.Shape.Keys).Hashed;
            call.Work.AddIndexTime(start);
        }, call.CancellationToken);
        ForEachBlock(call, (workspace, batch, head, block) =>
        {
            workspace.Keys.Add(selected[batch * heads + head]);
            workspace.AttendAll();
        });
    }

    private void ComputeStream(AttentionCall call)
    {
        int heads = call.Shape.KeyValueHeads;
        PositionBlocks blocks = PositionBlocks.Of(call, StreamingSelection.BlockPositions);
        int endBlock = blocks.FirstBlock + blocks.Count;
        StreamingSelection[] selections = [.. Enumerable.Range(0, blocks.Count == 0 ? 0 : call.Shape.Batch * heads)
            .Select(item => new StreamingSelection(call, item / heads, item % heads, _selected, _window, endBlock))];
        try
        {
            // The last epochs have most keys: they go first, so that no thread ends with a long one alone.
            (StreamingSelection Selection, StreamingSelection.Epoch Epoch)[] epochs = [.. selections
                .SelectMany(selection => selection.Epochs.Select(epoch => (selection, epoch)))
                .Where(item => item.epoch.EndBlock > blocks.FirstBlock)
                .OrderByDescending(item => item.epoch.FirstBlock)];
            ParallelItems.Run(
                epochs.Length, call.Options.Threads, item => epochs[item].Selection.Score(epochs[item].Epoch, _scorer), call.CancellationToken);
            ForEachBlock(call, (workspace, batch, head, block) =>
            {
                int number = block.Start / StreamingSelection.BlockPositions;
                workspace.Keys.AddRange(0, Math.Min(WindowAttention.Sinks, block.EndQuery));
                selections[batch * heads + head].AddTo(workspace.Keys, number);
                workspace.Keys.AddRange(StreamingSelection.NearStart(number, _window), block.EndQuery);
                workspace.AttendUpTo(ahead: 0);
            });
        }
        finally
        {
            Array.ForEach(selections, selection => selection.Dispose());
        }
    }

    /// <summary>Runs a body for the queries of every block of every key/value head, and finishes them.</summary>
    private static void ForEachBlock(AttentionCall call, Action<AttentionWorkspace, int, int, PositionBlock> attend)
    {
        PositionBlocks blocks = PositionBlocks.Of(call, StreamingSelection.BlockPositions);
        ParallelItems.Run(
            call.Shape.Batch * call.Shape.KeyValueHeads * blocks.Count,
            call.Options.Threads,
            () => new AttentionWorkspace(call, StreamingSelection.BlockPositions),
            (workspace, item) =>
            {
                (int batchHead, int index) = Math.DivRem(item, blocks.Count);
                (int batch, int head) = Math.DivRem(batchHead, call.Shape.KeyValueHeads);
                PositionBlock block = blocks[index];
                workspace.Begin(batch, head, block.FirstQuery, block.EndQuery);
                attend(workspace, batch, head, block);
                workspace.Finish();
            },
            static workspace => workspace.Dispose(),
            call.CancellationToken);
    }

    /// <summary>Keys that the query at position t computes.</summary>
    private long StreamingTerms(int t)
    {
        int near = StreamingSelection.NearStart(t / StreamingSelection.BlockPositions, _window);
        int far = near - WindowAttention.Sinks;
        return Math.Min(WindowAttention.Sinks, t + 1) + Math.Min(_selected, far) + Math.Max(0, t - near + 1);
    }
}
