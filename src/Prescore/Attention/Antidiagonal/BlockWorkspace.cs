using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Antidiagonal;

/// <summary>What a thread needs to choose blocks of keys for some blocks of queries and to attend them.</summary>
internal sealed class BlockWorkspace : IDisposable
{
    private const int BlockPositions = XAttention.BlockPositions;

    private readonly QueryBlock _rows;
    private readonly int _group;
    private readonly int[] _limits;
    private readonly long[] _seen;
    private bool[] _chosen = [];

    public BlockWorkspace(AttentionCall call, int stride, int queryBlocks)
    {
        _group = call.Shape.GroupSize;
        _rows = call.CreateBlock(BlockPositions * _group);
        _limits = new int[BlockPositions * _group];
        _seen = new long[BlockPositions * _group];
        Scores = BlockScores.Create(call, stride, queryBlocks);
    }

    /// <summary>Shares of attention of blocks of keys.</summary>
    public BlockScores Scores { get; }

    /// <summary>Blocks of keys that the last block of queries may see.</summary>
    public int KeyBlocks { get; private set; }

    /// <summary>Makes room for blocks of queries of which this is the last.</summary>
    public void Begin(AttentionCall call, PositionBlock last)
    {
        KeyBlocks = KeyValueTiles.BlocksOf(call.Causal ? last.EndQuery : call.Shape.Keys);
        int needed = Scores.QueryBlocks * _group * KeyBlocks;
        _chosen = _chosen.Length < needed ? new bool[needed] : _chosen;
    }

    /// <summary>Which blocks of keys the queries of one head in one block attend.</summary>
    public Span<bool> Chosen(int queryBlock, int member) => _chosen.AsSpan((queryBlock * _group + member) * KeyBlocks, KeyBlocks);

    /// <summary>The queries of a block, of all query heads of a key/value head, attend the chosen blocks and are finished.</summary>
    public void Attend(AttentionCall call, int batch, int head, KeyValueTiles tiles, KeptBefore kept, PositionBlock block, int queryBlock)
    {
        int count = block.EndQuery - block.FirstQuery, first = block.FirstQuery - call.Shape.FirstQueryPosition;
        _rows.Clear();
        for (int row = 0; row < count * _group; row++)
        {
            _rows.Add(call.Queries(batch, head * _group + row / count).Row(first + row % count), call.Scale);
        }
        _seen.AsSpan().Clear();
        int visible = call.Causal ? block.Start / BlockPositions + 1 : KeyBlocks;
        for (int keyBlock = 0; keyBlock < visible; keyBlock++)
        {
            // A block of keys stays in the cache while all heads that chose it pass.
            ReadOnlySpan<int> limits = Limits(call, block, keyBlock);
            for (int member = 0, end; member < _group; member = end)
            {
                end = member + 1;
                if (!Chosen(queryBlock, member)[keyBlock])
                {
                    continue;
                }
                for (; end < _group && Chosen(queryBlock, end)[keyBlock]; end++)
                {
                }
                int rows = (end - member) * count;
                _rows.Attend(tiles, keyBlock, keyBlock + 1, member * count, rows, limits.IsEmpty ? default : limits[..rows]);
                call.Work.AddInteractions(Count(kept, keyBlock, call.Shape.Keys, limits, member * count, rows));
            }
        }
        for (int row = 0; row < count * _group; row++)
        {
            int queryHead = head * _group + row / count, query = first + row % count;
            if (_seen[row] > 0)
            {
                call.Finish(_rows, row, batch, queryHead, query);
            }
            else
            {
                // Its keys are all removed: their weights among themselves mean nothing.
                call.Output(batch, queryHead).Row(query).Clear();
                call.SetLogSumExp(batch, queryHead, query, float.NegativeInfinity);
            }
        }
    }

    public void Dispose()
    {
        _rows.Dispose();
        Scores.Dispose();
    }

    /// <summary>Keys up to which the queries of a block, head by head, see a block of keys; empty where all see all of it.</summary>
    private ReadOnlySpan<int> Limits(AttentionCall call, PositionBlock block, int keyBlock)
    {
        if (!call.Causal || keyBlock * BlockPositions != block.Start)
        {
            return default;
        }
        int count = block.EndQuery - block.FirstQuery;
        for (int row = 0; row < count * _group; row++)
        {
            _limits[row] = block.FirstQuery + row % count + 1;
        }
        return _limits.AsSpan(0, count * _group);
    }

    /// <summary>Notes what some rows see of a block of keys and returns how many logits that is.</summary>
    private long Count(KeptBefore kept, int keyBlock, int keys, ReadOnlySpan<int> limits, int firstRow, int rows)
    {
        int start = keyBlock * BlockPositions, end = Math.Min(start + BlockPositions, keys);
        long sum = 0;
        for (int i = 0; i < rows; i++)
        {
            int seen = kept.Between(start, limits.IsEmpty ? end : limits[i]);
            _seen[firstRow + i] += seen;
            sum += seen;
        }
        return sum;
    }
}
