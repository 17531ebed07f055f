using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Exact;
using Prescore.Scheduling;
using Prescore.Specs;
using Prescore.Storage;

namespace Prescore.Attention.Antidiagonal;

/// <summary>
/// XAttention (Xu et al., arXiv 2503.16428): of every 128 × 128 block of the attention matrix the logits of some
/// antidiagonals are summed; from these sums a softmax estimates each block's share of the attention of its queries, and a
/// block of queries attends to the fewest blocks of keys whose shares reach the threshold. Where attention is causal the
/// first block and the queries' own are always among them. Not strictly causal: all queries of a block choose. A call with
/// a single query is exact, as in the paper: the method is for prompts.
/// </summary>
public sealed class XAttention : IAttention
{
    /// <summary>Share of the attention that chosen blocks must hold, where the spec gives none.</summary>
    public const double DefaultThreshold = 0.9;

    /// <summary>Distance of the antidiagonals where the spec gives none.</summary>
    public const int DefaultStride = 16;

    /// <summary>Queries and keys of a block.</summary>
    public const int BlockPositions = KeyValueTiles.BlockKeys;

    /// <summary>Blocks of queries that are scored together: their strides fill the panels of a product.</summary>
    private const int BlocksPerItem = 4;

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>(
        "xattention", "the blocks of keys that strided antidiagonals of the logits choose", new(), "xattention:threshold=0.9")
        .Fraction(
            "threshold", "share of the estimated attention that the chosen blocks hold; 1 chooses all",
            settings => settings.Threshold, (settings, value) => settings with { Threshold = value })
        .Choice(
            "stride", "distance S of the antidiagonals", settings => settings.Stride, (settings, value) => settings with { Stride = value },
            ("2", 2), ("4", 4), ("8", 8), ("16", 16), ("32", 32), ("64", 64));

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="threshold">Share of the estimated attention that the chosen blocks hold, above 0 and at most 1; 1 chooses all.</param>
    /// <param name="stride">Distance of the antidiagonals that are computed: a power of two from 2 to 64.</param>
    public XAttention(double threshold = DefaultThreshold, int stride = DefaultStride)
        : this(new Settings(threshold, stride))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threshold);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, 1);
        if (stride is < 2 or > 64 || !int.IsPow2(stride))
        {
            throw new ArgumentOutOfRangeException(nameof(stride), stride, "a stride is a power of two from 2 to 64");
        }
    }

    private XAttention(Settings settings) => _settings = settings;

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <summary>Creates the method from a spec such as <c>xattention:threshold=0.9,stride=16</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or a value out of range.</exception>
    public static XAttention FromSpec(MethodSpec spec) => new(Table.Read(spec));

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new PackedRowsMemory(shape, options), Compute);

    private void Compute(AttentionCall call)
    {
        call.RefuseOverflow();
        // Heads one after the other: the packed keys of one stay in the shared cache.
        for (int item = 0; item < call.Shape.Batch * call.Shape.KeyValueHeads; item++)
        {
            (int batch, int head) = Math.DivRem(item, call.Shape.KeyValueHeads);
            if (call.Memory is PackedMemory memory)
            {
                memory.Tiles[head].Append(call.NewKeys(batch, head), call.NewValues(batch, head), call.Options.Threads, call.CancellationToken);
                AttendHead(call, batch, head, memory.Tiles[head]);
            }
            else
            {
                using KeyValueTiles tiles = PositionTiles.Pack(call, batch, head);
                AttendHead(call, batch, head, tiles);
            }
        }
    }

    private void AttendHead(AttentionCall call, int batch, int head, KeyValueTiles tiles)
    {
        PositionBlocks blocks = PositionBlocks.Of(call, BlockPositions);
        int items = (blocks.Count + BlocksPerItem - 1) / BlocksPerItem;
        var kept = new KeptBefore(call, batch, head);
        ParallelItems.Run(
            items,
            call.Options.Threads,
            () => new BlockWorkspace(call, _settings.Stride, BlocksPerItem),
            (workspace, item) =>
            {
                // The last blocks see most keys: they go first, so that no thread ends with a long item alone.
                int first = (items - 1 - item) * BlocksPerItem, count = Math.Min(BlocksPerItem, blocks.Count - first);
                Choose(call, workspace, batch, head, blocks, first, count);
                for (int i = 0; i < count; i++)
                {
                    workspace.Attend(call, batch, head, tiles, kept, blocks[first + i], i);
                }
            },
            static workspace => workspace.Dispose(),
            call.CancellationToken);
    }

    /// <summary>Marks the blocks of keys that some blocks of queries attend.</summary>
    private void Choose(AttentionCall call, BlockWorkspace workspace, int batch, int head, PositionBlocks blocks, int first, int count)
    {
        workspace.Begin(call, blocks[first + count - 1]);
        int Visible(int i) => call.Causal ? blocks[first + i].Start / BlockPositions + 1 : workspace.KeyBlocks;

        // Where all blocks of keys are attended in any case, nothing is scored.
        int scored = 0;
        bool all = call.Shape.Queries == 1 || _settings.Threshold == 1;
        while (scored < count && (all || Visible(scored) <= Always(call)))
        {
            scored++;
        }
        if (scored < count)
        {
            long start = Stopwatch.GetTimestamp();
            call.Work.AddInteractions(workspace.Scores.Compute(batch, head, blocks, first + scored, count - scored));
            call.Work.AddIndexTime(start);
        }
        for (int i = 0; i < count; i++)
        {
            int visible = Visible(i);
            for (int member = 0; member < call.Shape.GroupSize; member++)
            {
                Span<bool> chosen = workspace.Chosen(i, member)[..visible];
                if (i >= scored)
                {
                    Mark(workspace.Scores.Of(i - scored, member)[..visible], chosen, call.Causal);
                }
                else
                {
                    chosen.Fill(true);
                }
            }
        }
    }

    /// <summary>Blocks of keys that are always attended.</summary>
    private static int Always(AttentionCall call) => call.Causal ? 2 : 1;

    /// <summary>Marks the first and the last block where attention is causal, then the best until their share is reached; ties go to the lower index.</summary>
    private void Mark(ReadOnlySpan<float> scores, Span<bool> chosen, bool causal)
    {
        double wanted = 0, held = 0;
        foreach (float score in scores)
        {
            wanted += score;
        }
        wanted *= _settings.Threshold;
        chosen.Clear();
        if (causal)
        {
            chosen[0] = chosen[^1] = true;
            held = (double)scores[0] + scores[^1];
        }
        float[] descending = scores.ToArray();
        int[] order = [.. Enumerable.Range(0, descending.Length)];
        order.AsSpan().Sort((a, b) => descending[a] != descending[b] ? descending[b].CompareTo(descending[a]) : a.CompareTo(b));
        foreach (int block in order)
        {
            if (held >= wanted)
            {
                break;
            }
            held += chosen[block] ? 0 : descending[block];
            chosen[block] = true;
        }
    }

    private sealed record Settings(double Threshold = DefaultThreshold, int Stride = DefaultStride);
}
