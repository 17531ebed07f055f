using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>How a query head attends in a block.</summary>
internal enum BlockKind
{
    /// <summary>There is no far part.</summary>
    Near,

    /// <summary>Queries screen the far keys.</summary>
    Screened,

    /// <summary>All keys are computed.</summary>
    Exact,
}

/// <summary>Counts the work of some query heads; safe for concurrent use while a block attends.</summary>
internal sealed class HeadTally(int queryHeads)
{
    private readonly long[] _interactions = new long[queryHeads];
    private readonly long[] _screened = new long[queryHeads];
    private readonly long[] _exactInteractions = new long[queryHeads];
    private readonly List<Block> _blocks = [];

    /// <summary>Notes how the heads attend in a block.</summary>
    public void BeginBlock(int block, BlockKind[] kinds)
    {
        _blocks.RemoveRange(block, _blocks.Count - block);
        _blocks.Add(new Block(kinds, [.. Enumerable.Repeat(int.MaxValue, queryHeads)]));
    }

    /// <summary>Notes that the budget kept the query at a position from selected keys that its threshold asked for.</summary>
    public void AddUnmet(int head, int block, int position)
    {
        int[] first = _blocks[block].FirstUnmet;
        lock (first)
        {
            first[head] = Math.Min(first[head], position);
        }
    }

    /// <summary>Adds the work of some queries.</summary>
    public void Add(int head, HeadWork work)
    {
        Interlocked.Add(ref _interactions[head], work.Interactions);
        Interlocked.Add(ref _screened[head], work.Screened);
        Interlocked.Add(ref _exactInteractions[head], work.Exact);
    }

    /// <summary>Takes over the counts of another.</summary>
    public void CopyFrom(HeadTally other)
    {
        other._interactions.CopyTo(_interactions, 0);
        other._screened.CopyTo(_screened, 0);
        other._exactInteractions.CopyTo(_exactInteractions, 0);
        _blocks.AddRange(other._blocks.Select(block => block with { FirstUnmet = [.. block.FirstUnmet] }));
    }

    /// <summary>Writes the counts.</summary>
    public void Save(CacheStream file)
    {
        file.Write<long>(_interactions);
        file.Write<long>(_screened);
        file.Write<long>(_exactInteractions);
        foreach (Block block in _blocks)
        {
            file.Write<BlockKind>(block.Kinds);
            file.Write<int>(block.FirstUnmet);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote of <paramref name="blocks"/> blocks; nothing was counted yet.</summary>
    public void Load(CacheStream file, int blocks)
    {
        foreach (long[] counts in new[] { _interactions, _screened, _exactInteractions })
        {
            file.Read<long>(queryHeads).CopyTo(counts, 0);
            CacheStream.Require(Array.TrueForAll(counts, count => count >= 0), "a count is negative");
        }
        for (int i = 0; i < blocks; i++)
        {
            var block = new Block(file.Read<BlockKind>(queryHeads), file.Read<int>(queryHeads));
            CacheStream.Require(Array.TrueForAll(block.Kinds, Enum.IsDefined) && Array.TrueForAll(block.FirstUnmet, at => at >= 0), "a block is none");
            _blocks.Add(block);
        }
    }

    /// <summary>Forgets what happened at positions from <paramref name="length"/> on; work that was done stays counted.</summary>
    public void Rewind(int length, int blockSize)
    {
        int kept = Math.Min(_blocks.Count, (length + blockSize - 1) / blockSize);
        _blocks.RemoveRange(kept, _blocks.Count - kept);
        int[] last = kept == 0 ? [] : _blocks[^1].FirstUnmet;
        for (int head = 0; head < last.Length; head++)
        {
            last[head] = last[head] < length ? last[head] : int.MaxValue;
        }
    }

    /// <summary>What is known of a head without its errors.</summary>
    /// <param name="head">Number of the head here.</param>
    /// <param name="layer">Model layer.</param>
    /// <param name="queryHead">Number of the head in the layer.</param>
    /// <param name="chosenThreshold">Its threshold.</param>
    public HeadCertificate Certificate(int head, int layer, int queryHead, int chosenThreshold) => new()
    {
        Layer = layer,
        Head = queryHead,
        Probes = 0,
        Error = 0,
        ErrorLow = 0,
        ErrorHigh = 0,
        Percentile95 = 0,
        Worst = 0,
        Share = chosenThreshold switch
        {
            0 => 1,
            Thresholds.Exact => null,
            _ => Thresholds.Share(chosenThreshold),
        },
        Interactions = _interactions[head],
        Screened = _screened[head],
        ExactInteractions = _exactInteractions[head],
        Blocks = _blocks.Count(block => block.Kinds[head] != BlockKind.Near),
        ExactBlocks = _blocks.Count(block => block.Kinds[head] == BlockKind.Exact && block.FirstUnmet[head] == int.MaxValue),
        UnmetBlocks = _blocks.Count(block => block.FirstUnmet[head] < int.MaxValue),
    };

    /// <summary>One block.</summary>
    /// <param name="Kinds">How each head attends.</param>
    /// <param name="FirstUnmet">First position of each head where the budget held; int.MaxValue: nowhere.</param>
    private sealed record Block(BlockKind[] Kinds, int[] FirstUnmet);
}
