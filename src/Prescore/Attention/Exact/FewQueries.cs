using Prescore.Attention.Core;
using Prescore.Scheduling;
using Prescore.Storage;

namespace Prescore.Attention.Exact;

/// <summary>
/// Exact attention of a few new queries over a cache, as in decoding: too few to share out, so threads share the keys. Bits
/// are those of going through the keys in order, for any number of threads.
/// </summary>
internal sealed class FewQueries : IDisposable
{
    /// <summary>Ranges of key blocks a thread: they even out what threads take.</summary>
    private const int RangesPerThread = 8;

    private readonly QueryBlock[] _blocks;
    private readonly int _keyBlocks;
    private readonly int _ranges;
    private readonly CancellationToken _cancellationToken;

    /// <summary>Ranges of each head whose logits are missing.</summary>
    private readonly int[] _missing;

    private FewQueries(AttentionCall call, PackedMemory memory)
    {
        VisibleKeys visible = VisibleKeys.All(call);
        Span<int> limits = stackalloc int[call.Shape.Queries * call.Shape.GroupSize];
        _blocks = new QueryBlock[call.Shape.KeyValueHeads];
        for (int head = 0; head < _blocks.Length; head++)
        {
            _blocks[head] = call.CreateBlock(limits.Length);
            ExactAttention.AddQueries(call, batch: 0, head, visible, _blocks[head], first: 0, limits);
            _blocks[head].BeginParts(memory.Tiles[head], limits);
        }
        _keyBlocks = KeyValueTiles.BlocksOf(limits[^1]);
        _ranges = Math.Clamp(RangesPerThread * call.Options.Threads / _blocks.Length, 1, _keyBlocks);
        _cancellationToken = call.CancellationToken;
        _missing = new int[_blocks.Length];
        Array.Fill(_missing, _ranges);
    }

    /// <summary>Takes in the call's keys and values and attends.</summary>
    public static void Attend(AttentionCall call, PackedMemory memory)
    {
        for (int head = 0; head < memory.Tiles.Length; head++)
        {
            memory.Tiles[head].Append(call.NewKeys(0, head), call.NewValues(0, head), threads: 1, call.CancellationToken);
        }
        using var queries = new FewQueries(call, memory);
        ParallelItems.Run(2 * queries._blocks.Length * queries._ranges, call.Options.Threads, queries.RunItem, call.CancellationToken);
        for (int head = 0; head < memory.Tiles.Length; head++)
        {
            queries._blocks[head].JoinParts();
            for (int row = 0; row < queries._blocks[head].Rows; row++)
            {
                call.Finish(queries._blocks[head], row, 0, head * call.Shape.GroupSize + row % call.Shape.GroupSize, row / call.Shape.GroupSize);
            }
        }
    }

    public void Dispose() => Array.ForEach(_blocks, block => block.Dispose());

    /// <summary>First all ranges' logits, head by head, then all their values. Items are handed out in this order, so that who waits waits for one that runs.</summary>
    private void RunItem(int item)
    {
        int head = item / _ranges % _blocks.Length, range = item % _ranges;
        int first = _keyBlocks * range / _ranges, end = _keyBlocks * (range + 1) / _ranges;
        if (item < _blocks.Length * _ranges)
        {
            try
            {
                _blocks[head].ComputeLogits(first, end);
            }
            finally
            {
                Interlocked.Decrement(ref _missing[head]);
            }
            return;
        }
        var wait = default(SpinWait);
        while (Volatile.Read(ref _missing[head]) > 0)
        {
            // Who was to compute them may have stopped.
            _cancellationToken.ThrowIfCancellationRequested();
            wait.SpinOnce(sleep1Threshold: -1);
        }
        _blocks[head].WeighValues(first, end);
    }
}
