using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Scheduling;
using Prescore.Specs;
using Prescore.Storage;

namespace Prescore.Attention.Quest;

/// <summary>
/// Quest (Tang et al., arXiv 2406.10774): keys lie in pages, of which the smallest and largest value of every component are
/// kept. No logit of a page is above Σᵢ max(qᵢ·minᵢ, qᵢ·maxᵢ); every query attends to the pages where this bound is highest
/// and to the page that is not yet full, its own. Strictly causal. Where bounds would cost as much as they save, a query
/// attends to all pages.
/// </summary>
public sealed class QuestAttention : ISizedAttention
{
    /// <summary>Number of selected keys s where the spec gives none.</summary>
    public const int DefaultSelected = 1024;

    /// <summary>Keys of a page where the spec gives none.</summary>
    public const int DefaultPage = 16;

    /// <summary>Logits that are held at a time: they stay in a second-level cache.</summary>
    private const int HeldLogits = 1 << 18;

    private const int LeastRows = 24;

    private const int MostRows = 384;

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>(
        "quest", "the pages whose bounds promise a query most, and its own", new(), "quest:s=1024")
        .Integer(
            "s", "keys in the pages that a query selects, rounded up to whole pages",
            settings => settings.Selected, (settings, value) => settings with { Selected = value }, minimum: 1)
        .Choice(
            "page", "keys of a page", settings => settings.Page, (settings, value) => settings with { Page = value },
            ("16", 16), ("32", 32), ("64", 64), ("128", 128));

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="selected">Number s of keys in the pages that a query selects, at least 1, rounded up to whole pages.</param>
    /// <param name="page">Keys of a page: 16, 32, 64 or 128.</param>
    public QuestAttention(int selected = DefaultSelected, int page = DefaultPage)
        : this(new Settings(selected, page), explicitSize: true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(selected, 1);
        if (page is not (16 or 32 or 64 or 128))
        {
            throw new ArgumentOutOfRangeException(nameof(page), page, "a page has 16, 32, 64 or 128 keys");
        }
    }

    private QuestAttention(Settings settings, bool explicitSize) => (_settings, HasExplicitSize) = (settings, explicitSize);

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "s";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    private int Page => _settings.Page;

    /// <summary>Pages that a query selects.</summary>
    private int WantedPages => _settings.Selected / Page + (_settings.Selected % Page > 0 ? 1 : 0);

    /// <summary>Creates the method from a spec such as <c>quest:s=1024,page=16</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or a value out of range.</exception>
    public static QuestAttention FromSpec(MethodSpec spec) => new(Table.Read(spec), spec.Has("s"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new QuestAttention(_settings with { Selected = size }, HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            int visible = causal ? t + 1 : shape.Keys, whole = WholePages(visible, causal);
            sum += Selects(whole) ? Terms(visible, whole) : visible;
        }
        return sum * shape.QueryHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new QuestMemory(shape, options, Page), Compute);

    private void Compute(AttentionCall call)
    {
        call.RefuseOverflow();
        int items = call.Shape.Batch * call.Shape.KeyValueHeads;
        if (call.Memory is not null && call.Shape.Queries * call.Shape.GroupSize <= QueryBlock.StripRows)
        {
            // Too few queries to share out: heads side by side.
            ParallelItems.Run(items, call.Options.Threads, item => Compute(call, item, threads: 1), call.CancellationToken);
            return;
        }
        for (int item = 0; item < items; item++)
        {
            Compute(call, item, call.Options.Threads);
        }
    }

    private void Compute(AttentionCall call, int item, int threads)
    {
        (int batch, int head) = Math.DivRem(item, call.Shape.KeyValueHeads);
        if (call.Memory is QuestMemory memory)
        {
            memory.Tiles[head].Append(call.NewKeys(batch, head), call.NewValues(batch, head), threads, call.CancellationToken);
            Attend(call, batch, head, memory.Tiles[head], memory.Bounds[head], VisibleKeys.All(call), threads);
            return;
        }
        using KeyValueTiles tiles = KeyValueTiles.Create(call.Options.Simd), bounds = KeyValueTiles.Create(call.Options.Simd);
        Attend(call, batch, head, tiles, bounds, VisibleKeys.Pack(call, batch, head, tiles, threads), threads);
    }

    private void Attend(AttentionCall call, int batch, int head, KeyValueTiles tiles, KeyValueTiles bounds, VisibleKeys visible, int threads)
    {
        PageBounds.Append(call, tiles, bounds, Page, threads);
        int group = call.Shape.GroupSize;
        int rows = Math.Clamp(HeldLogits / (int)Math.Min(HeldLogits, (WantedPages + 1L) * Page), LeastRows, MostRows);
        int positions = Math.Max(1, Math.Min(call.Shape.Queries, rows / group));
        int items = (call.Shape.Queries + positions - 1) / positions;
        ParallelItems.Run(
            items,
            threads,
            () => new QuestWorkspace(call, tiles, bounds, Page, WantedPages, positions * group),
            (workspace, item) =>
            {
                // The last positions see most pages: they go first, so that no thread ends with a long item alone.
                int first = (items - 1 - item) * positions;
                for (int query = first; query < Math.Min(call.Shape.Queries, first + positions); query++)
                {
                    int count = visible.CountFor(query), whole = WholePages(count, call.Causal);
                    workspace.Add(batch, head, query, count, Selects(whole) ? whole : null);
                    call.Work.AddInteractions((Selects(whole) ? Terms(count, whole) : count) * group);
                }
                workspace.Attend(batch, head, first);
            },
            static workspace => workspace.Dispose(),
            call.CancellationToken);
    }

    /// <summary>Pages to select from, all but the query's own; where attention is not causal all that are full.</summary>
    private int WholePages(int visible, bool causal) => Math.Max(0, causal ? visible - 1 : visible) / Page;

    /// <summary>Whether selecting costs less than it saves.</summary>
    private bool Selects(int whole) => (long)whole * Page > (long)WantedPages * Page + whole;

    /// <summary>Bounds and logits of a query that selects.</summary>
    private long Terms(int visible, int whole) => whole + (long)WantedPages * Page + visible - (long)whole * Page;

    private sealed record Settings(int Selected = DefaultSelected, int Page = DefaultPage);
}
