namespace Prescore.Attention.Clustered;

/// <summary>How a query head attended in a block.</summary>
internal enum BlockKind
{
    /// <summary>There was no far part.</summary>
    Near,

    /// <summary>Queries visited p clusters.</summary>
    Routed,

    /// <summary>Queries visited every cluster.</summary>
    Exact,

    /// <summary>The budget kept a query from a cluster that p asked for.</summary>
    Unmet,
}

/// <summary>Counts the work of each query head; safe for concurrent use while a block attends.</summary>
internal sealed class HeadTally(int queryHeads)
{
    private readonly long[] _interactions = new long[queryHeads];
    private readonly long[] _exactInteractions = new long[queryHeads];
    private readonly List<BlockKind[]> _blocks = [];

    /// <summary>Notes how the heads attend in a block.</summary>
    public void BeginBlock(int block, BlockKind[] kinds)
    {
        _blocks.RemoveRange(block, _blocks.Count - block);
        _blocks.Add(kinds);
    }

    /// <summary>Notes that the budget has held in a block.</summary>
    public void SetUnmet(int head, int block) => _blocks[block][head] = BlockKind.Unmet;

    /// <summary>Adds logits computed and what exact would have computed.</summary>
    public void Add(int head, long interactions, long exact)
    {
        Interlocked.Add(ref _interactions[head], interactions);
        Interlocked.Add(ref _exactInteractions[head], exact);
    }

    /// <summary>Forgets the blocks from <paramref name="blocks"/> on; work that was done stays counted.</summary>
    public void Rewind(int blocks) => _blocks.RemoveRange(Math.Min(blocks, _blocks.Count), Math.Max(0, _blocks.Count - blocks));

    /// <summary>What is known of a head without its errors.</summary>
    /// <param name="head">Number of the head here.</param>
    /// <param name="layer">Model layer.</param>
    /// <param name="queryHead">Number of the head in the layer.</param>
    /// <param name="effort">Its p.</param>
    public HeadCertificate Certificate(int head, int layer, int queryHead, int effort) => new()
    {
        Layer = layer,
        Head = queryHead,
        Probes = 0,
        Error = 0,
        ErrorLow = 0,
        ErrorHigh = 0,
        Percentile95 = 0,
        Worst = 0,
        Effort = effort == EffortLadder.Exact ? null : effort,
        Interactions = _interactions[head],
        ExactInteractions = _exactInteractions[head],
        Blocks = _blocks.Count(kinds => kinds[head] != BlockKind.Near),
        ExactBlocks = _blocks.Count(kinds => kinds[head] == BlockKind.Exact),
        UnmetBlocks = _blocks.Count(kinds => kinds[head] == BlockKind.Unmet),
    };
}
