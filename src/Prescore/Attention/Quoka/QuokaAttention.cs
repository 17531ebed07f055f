using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Specs;

namespace Prescore.Attention.Quoka;

/// <summary>
/// QuoKA (Jones et al., arXiv 2602.08722): of every chunk of queries, those whose direction is least like the chunk's mean
/// query choose the s keys before the chunk that they align with best, and all queries of the chunk attend to these and to
/// the chunk's own keys. Not strictly causal: a later query of a chunk has its say in what the chunk attends. Where choosing
/// would cost as much as it saves, the chunk attends to all keys.
/// </summary>
public sealed class QuokaAttention : ISizedAttention
{
    /// <summary>Number of selected keys s where the spec gives none.</summary>
    public const int DefaultSelected = 1024;

    /// <summary>Number of queries that choose, where the spec gives none.</summary>
    public const int DefaultRepresentatives = 16;

    /// <summary>Queries of a chunk where the spec gives none.</summary>
    public const int DefaultChunk = 128;

    /// <summary>Largest chunk: its queries are held at a time.</summary>
    public const int LargestChunk = 4096;

    private static readonly MethodOptions<Settings> Table = new MethodOptions<Settings>(
        "quoka", "a chunk's own keys, and the s before it that its least typical queries align with", new(), "quoka:s=1024")
        .Integer(
            "s", "keys selected before the chunk", settings => settings.Selected, (settings, value) => settings with { Selected = value }, minimum: 1)
        .Integer(
            "queries", "queries of a chunk that choose, a query head",
            settings => settings.Representatives, (settings, value) => settings with { Representatives = value }, minimum: 1)
        .Integer(
            "chunk", "queries of a chunk; chunks start at multiples of it",
            settings => settings.Chunk, (settings, value) => settings with { Chunk = value }, minimum: 1, maximum: LargestChunk);

    private readonly Settings _settings;

    /// <summary>Creates the method.</summary>
    /// <param name="selected">Number s of keys before a chunk that it attends to, at least 1; more than there are means all.</param>
    /// <param name="representatives">Number of queries of a chunk that choose, a query head, at least 1.</param>
    /// <param name="chunk">Positions of a chunk, at least 1; chunks start at multiples of it.</param>
    public QuokaAttention(int selected = DefaultSelected, int representatives = DefaultRepresentatives, int chunk = DefaultChunk)
        : this(new Settings(selected, representatives, chunk), explicitSize: true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(selected, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(representatives, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunk, LargestChunk);
    }

    private QuokaAttention(Settings settings, bool explicitSize) => (_settings, HasExplicitSize) = (settings, explicitSize);

    /// <summary>Name, summary and options.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public string Spec => Table.Print(_settings);

    /// <inheritdoc/>
    public string SizeParameter => "s";

    /// <inheritdoc/>
    public bool HasExplicitSize { get; }

    /// <summary>Creates the method from a spec such as <c>quoka:s=1024,queries=16,chunk=128</c>.</summary>
    /// <exception cref="MethodSpecException">An unknown option, or a value out of range.</exception>
    public static QuokaAttention FromSpec(MethodSpec spec) => new(Table.Read(spec), spec.Has("s"));

    /// <inheritdoc/>
    public ISizedAttention WithSize(int size) => new QuokaAttention(_settings with { Selected = size }, HasExplicitSize);

    /// <inheritdoc/>
    public long CountInteractions(AttentionShape shape, bool causal)
    {
        var blocks = new PositionBlocks(shape.FirstQueryPosition, shape.Keys, _settings.Chunk);
        long sum = 0;
        for (int i = 0; i < blocks.Count; i++)
        {
            PositionBlock block = blocks[i];
            long queries = (long)(block.EndQuery - block.FirstQuery) * shape.GroupSize;
            int far = FarEnd(block, shape.Keys, causal);
            int choosers = Math.Min(_settings.Representatives, block.EndQuery - block.FirstQuery);
            sum += Chooses(queries, choosers, far) ? (long)choosers * far + queries * _settings.Selected : queries * far;
            for (int t = causal ? block.FirstQuery : block.EndQuery; t < block.EndQuery; t++)
            {
                sum += (long)(t - block.Start + 1) * shape.GroupSize;
            }
        }
        return sum * shape.KeyValueHeads * shape.Batch;
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new QuokaMemory(shape, options), Compute);

    private void Compute(AttentionCall call)
    {
        call.RefuseOverflow();
        KeyDirections directions = (call.Memory as QuokaMemory)?.Directions ?? KeyDirections.Of(call);
        AttentionWorkspace.ForEachBlock(
            call,
            _settings.Chunk,
            () => new KeyChoice(call, Math.Min(_settings.Chunk, call.Shape.Queries), _settings.Representatives),
            (workspace, choice, batch, head, block) => AttendChunk(call, workspace, choice, directions, batch, head, block));
    }

    private void AttendChunk(
        AttentionCall call, AttentionWorkspace workspace, KeyChoice choice, KeyDirections directions, int batch, int head, PositionBlock block)
    {
        int farEnd = FarEnd(block, call.Shape.Keys, call.Causal);
        int far = KeptKeys.Count(call, batch, head, 0, farEnd);
        int queries = block.EndQuery - block.FirstQuery;
        if (Chooses((long)queries * call.Shape.GroupSize, Math.Min(_settings.Representatives, queries), far))
        {
            long start = Stopwatch.GetTimestamp();
            choice.TakeQueries(batch, head, block.FirstQuery - call.Shape.FirstQueryPosition, queries);
            workspace.Keys.Add(choice.Best(directions, batch, head, farEnd, _settings.Selected));
            call.Work.AddInteractions((long)choice.Choosers * far);
            call.Work.AddIndexTime(start);
        }
        else
        {
            workspace.Keys.AddRange(0, farEnd);
        }
        if (call.Causal)
        {
            workspace.Keys.AddRange(farEnd, block.EndQuery);
            workspace.AttendUpTo(ahead: 0);
        }
        else
        {
            workspace.AttendAll();
        }
    }

    /// <summary>One beyond the last key that a chunk chooses from: those behind it are the chunk's own.</summary>
    private static int FarEnd(PositionBlock block, int keys, bool causal) => causal ? block.Start : keys;

    /// <summary>Whether choosing costs less than it saves.</summary>
    private bool Chooses(long queries, int choosers, int far) => queries * ((long)far - _settings.Selected) > (long)choosers * far;

    private sealed record Settings(int Selected = DefaultSelected, int Representatives = DefaultRepresentatives, int Chunk = DefaultChunk);
}
