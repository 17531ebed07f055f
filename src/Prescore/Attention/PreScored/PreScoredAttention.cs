using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Coreset;
using Prescore.Attention.Hyper;
using Prescore.Attention.Window;
using Prescore.Numerics;
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
/// <item>Not causal: the scorer ranks all keys, and attention is exact, or HyperAttention, on the top s. With
/// <c>inner=exact</c> the first <c>protect</c> keys (an encoder's CLS token) are always in and not part of s.</item>
/// <item><c>rest=coreset</c>, with <c>inner=exact</c>: what is ranked and not selected stays in the softmax as weighted
/// representatives (see <see cref="CoresetAttention"/>) instead of being left out.</item>
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

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>(
        "prescored",
        "the s keys with the best scores and a window; `inner=hyper`: the paper's; `rest=coreset`: the other keys as weighted representatives",
        new Settings(KeyScorers.Create(DefaultScorer)), "prescored:scorer=kmeans,s=256,w=64,inner=exact")
        .Named(
            "scorer", "how keys are ranked", "a scorer",
            settings => settings.Scorer.Name, (settings, value) => settings with { Scorer = KeyScorers.Create(value) })
        .Integer(
            "s", "keys selected; sinks and near keys come on top",
            settings => settings.Selected, (settings, value) => settings with { Selected = value }, minimum: 1)
        .Integer(
            "w", "near keys before a block of queries",
            settings => settings.Window, (settings, value) => settings with { Window = value })
            .GoesWith("inner=exact", settings => !settings.IsHyper)
        .Choice(
            "inner",
            "`exact`: in blocks of 256 queries, exact over the sinks, the near keys and the best s of the keys before them; "
                + "`hyper`: HyperAttention on the best s keys at each node of its tree, as in the paper",
            settings => settings.IsHyper, (settings, value) => settings with { IsHyper = value }, ("exact", false), ("hyper", true))
        .Choice(
            "rest", "`none`: keys that are not selected are left out; `coreset`: they stay in the softmax as weighted representatives",
            settings => settings.IsCoreset, (settings, value) => settings with { IsCoreset = value }, ("none", false), ("coreset", true))
            .GoesWith("inner=exact", settings => !settings.IsHyper).LeftOutByDefault()
        .Integer(
            "reps", "number of representatives",
            settings => settings.Representatives, (settings, value) => settings with { Representatives = value }, minimum: 1)
            .GoesWith("rest=coreset", settings => settings.IsCoreset && !settings.IsHyper)
        .Integer(
            "protect", "not causal: keys at the start that are always in and no part of `s` (an encoder's CLS token)",
            settings => settings.Protected, (settings, value) => settings with { Protected = value })
            .GoesWith("inner=exact", settings => !settings.IsHyper).LeftOutByDefault()
        .Include(
            HyperSettings.Table, "inner=hyper", settings => settings.IsHyper,
            settings => settings.Hyper, (settings, value) => settings with { Hyper = value });

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="scorer">Ranks the keys.</param>
    /// <param name="selected">Number s of keys selected, at least 1; more than there are means all.</param>
    /// <param name="window">Keys w before a block of queries that are near, at least 0; not used with an inner HyperAttention.</param>
    /// <param name="inner">Sizes of the inner HyperAttention; null for exact attention on the selected keys.</param>
    /// <param name="rest">What becomes of the other keys, without an inner HyperAttention; the default leaves them out.</param>
    public PreScoredAttention(
        IKeyScorer scorer, int selected = DefaultSelected, int window = DefaultWindow, HyperSettings? inner = null, SelectionRest rest = default)
        : this(Settings.Of(scorer, selected, window, inner?.Validated(), rest), explicitSize: true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(selected, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        if (inner is not null && rest != default)
        {
            throw new ArgumentException("what is left of a selection goes with exact attention on it, not with HyperAttention", nameof(rest));
        }
    }

    private PreScoredAttention(Settings settings, bool explicitSize)
    {
        if (settings.IsHyper && settings.Scorer.Needs.HasFlag(ScorerNeeds.Queries))
        {
            throw new MethodSpecException($"scorer '{settings.Scorer.Name}' asks for queries, which goes with inner=exact");
        }
        (_settings, HasExplicitSize) = (settings, explicitSize);
    }

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "s";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Number of terms that stand for the keys that are not selected; 0: those are left out.</summary>
    private int Representatives => _settings.IsCoreset ? _settings.Representatives : 0;

    private TopOfSegment Selection => new(_settings.Scorer, _settings.Selected);

    /// <summary>
    /// Creates the method from a spec such as <c>prescored:scorer=kmeans,s=256,w=64,inner=exact</c> or
    /// <c>prescored:scorer=kmeans,s=256,inner=hyper,block=128,sample=128,min=512,pairing=rank</c>.
    /// </summary>
    /// <exception cref="MethodSpecException">An unknown scorer or option, or a value out of range.</exception>
    public static PreScoredAttention FromSpec(MethodSpec spec) => new(Table.Read(spec), spec.Has("s"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new PreScoredAttention(_settings with { Selected = size }, HasExplicitSize);

    /// <inheritdoc/>
    /// <remarks>Where keys coincide, or all members of a cluster are selected, there are fewer representatives, and fewer interactions.</remarks>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        if (_settings.IsHyper)
        {
            return HyperRun.CountInteractions(shape, causal, _settings.Hyper, Selection);
        }
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            sum += causal ? StreamingTerms(t) : Math.Min((long)_settings.Selected + _settings.Protected + Representatives, shape.Keys);
        }
        return sum * shape.QueryHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) => new MethodCache(
        shape,
        options,
        _settings.IsHyper ? new HyperMemory(shape, options) : new StreamMemory(shape, options, head => StreamOf(0, head)),
        Compute);

    private void Compute(AttentionCall call)
    {
        if (_settings.IsHyper)
        {
            HyperRun.Run(call, _settings.Hyper, Selection);
        }
        else if (call.Causal)
        {
            ComputeStream(call);
        }
        else
        {
            WholeCoreset.Attend(call, AddSelected);
        }
    }

    /// <summary>Exact attention, not causal: protected keys, the top s of the others, and representatives of what is left.</summary>
    private void AddSelected(AttentionCall call, WeightedKeys keys, int batch, int head)
    {
        int end = Math.Min(_settings.Protected, call.Shape.Keys);
        int[] kept = KeptKeys.Between(call, batch, head, 0, end);
        int[] ranked = KeptKeys.Between(call, batch, head, end, call.Shape.Keys);
        float[] seen = _settings.Scorer.Needs.HasFlag(ScorerNeeds.Queries) ? ObservedQueries.Spread(call, batch, head) : [];
        int d = call.Shape.HeadDimension;
        int[] top = Selection.Top(call, batch, head, ranked, new KeyMatrix { Values = seen, Count = seen.Length / d, Dimension = d });
        int[] left = Representatives == 0 ? [] : [.. ranked.Except(top)];
        keys.Begin(call, batch, head, kept.Length + top.Length + Math.Min(Representatives, left.Length));
        foreach (int position in (ReadOnlySpan<int>)[.. kept, .. top])
        {
            keys.AddKey(position);
        }
        WholeCoreset.AddRepresentatives(call, keys, batch, head, left, Representatives, CoresetAttention.DefaultSteps);
    }

    private void ComputeStream(AttentionCall call)
    {
        if (call.Memory is StreamMemory memory)
        {
            ComputeStream(call, memory.Heads);
            return;
        }
        int heads = call.Shape.KeyValueHeads;
        StreamingHead[] streams = [.. Enumerable.Range(0, call.Shape.Batch * heads).Select(item => StreamOf(item / heads, item % heads))];
        try
        {
            ComputeStream(call, streams);
        }
        finally
        {
            Array.ForEach(streams, stream => stream.Dispose());
        }
    }

    private void ComputeStream(AttentionCall call, StreamingHead[] streams)
    {
        PositionBlocks blocks = PositionBlocks.Of(call, FarKeys.BlockPositions);
        Array.ForEach(streams, stream => stream.Plan(call, blocks.FirstBlock + blocks.Count));
        FarEpoch.RunAll([.. streams.Select(stream => stream.Selection.Far)], blocks.FirstBlock, call, (item, epoch) => streams[item].Fit(call, epoch));
        AttentionWorkspace.ForEachBlock(call, FarKeys.BlockPositions, () => new WeightedKeys(call.Options.Simd), (workspace, keys, batch, head, block) =>
            AttendBlock(call, workspace, keys, block, streams[batch * call.Shape.KeyValueHeads + head]));
    }

    private StreamingHead StreamOf(int batch, int head)
    {
        var selection = new StreamingSelection(_settings.Scorer, batch, head, _settings.Selected, _settings.Window);
        return new StreamingHead(
            selection,
            Representatives == 0 ? null : new StreamingCoreset(batch, head, selection.Far, Representatives, CoresetAttention.DefaultSteps));
    }

    private void AttendBlock(AttentionCall call, AttentionWorkspace workspace, WeightedKeys keys, PositionBlock block, StreamingHead stream)
    {
        int number = block.Start / FarKeys.BlockPositions;
        ReadOnlySpan<int> far = stream.Selection.Far.Of(number);
        ReadOnlySpan<int> top = stream.Selection.Select(call, number);
        if (stream.Coreset is not null)
        {
            workspace.AttendAll(stream.Coreset.TilesOf(call, keys, number, without: top));
        }
        workspace.Keys.AddRange(0, Math.Min(WindowAttention.Sinks, block.EndQuery));
        foreach (int index in top)
        {
            workspace.Keys.Add(far[index]);
        }
        workspace.Keys.AddRange(FarKeys.NearStart(number, WindowAttention.Sinks, _settings.Window), block.EndQuery);
        workspace.AttendUpTo(ahead: 0);
    }

    /// <summary>Keys that the query at position t computes.</summary>
    private long StreamingTerms(int t)
    {
        int near = FarKeys.NearStart(t / FarKeys.BlockPositions, WindowAttention.Sinks, _settings.Window);
        int far = near - WindowAttention.Sinks;
        return Math.Min(WindowAttention.Sinks, t + 1) + Math.Min((long)_settings.Selected + Representatives, far) + Math.Max(0, t - near + 1);
    }

    private sealed record Settings(IKeyScorer Scorer)
    {
        public int Selected { get; init; } = DefaultSelected;

        public int Window { get; init; } = DefaultWindow;

        public bool IsHyper { get; init; }

        public HyperSettings Hyper { get; init; } = HyperSettings.Default;

        public bool IsCoreset { get; init; }

        public int Representatives { get; init; } = SelectionRest.DefaultRepresentatives;

        public int Protected { get; init; }

        public static Settings Of(IKeyScorer scorer, int selected, int window, HyperSettings? inner, SelectionRest rest) => new(scorer)
        {
            Selected = selected,
            Window = window,
            IsHyper = inner is not null,
            Hyper = inner ?? HyperSettings.Default,
            IsCoreset = rest.Representatives > 0,
            Representatives = rest.Representatives > 0 ? rest.Representatives : SelectionRest.DefaultRepresentatives,
            Protected = rest.Protected,
        };
    }
}
