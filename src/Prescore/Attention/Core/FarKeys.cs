using Prescore.Scheduling;

namespace Prescore.Attention.Core;

/// <summary>
/// The far keys of each block of queries of one key/value head in a causal stream. Block b = positions
/// [256·b, 256·(b + 1)); its near keys start at 256·b − w, its far keys are those before them without the sinks and
/// without removed ones. What is fitted on far keys is fitted anew when they have grown 1.3-fold since the last fit: the
/// blocks of one fit are an epoch. All of that is fixed by absolute positions, so a call that starts in the middle of a
/// prompt finds the same.
/// </summary>
/// <param name="sinks">Number of keys at the start that are not far.</param>
/// <param name="window">Keys w before a block that are near.</param>
internal sealed class FarKeys(int sinks, int window)
{
    /// <summary>Positions of a block.</summary>
    public const int BlockPositions = 256;

    private readonly List<int> _epochOfBlock = [];
    private readonly List<FarEpoch> _epochs = [];
    private int[] _positions = [];

    /// <summary>The fits, in order; each serves the blocks from its own to the next fit's.</summary>
    public IReadOnlyList<FarEpoch> Epochs => _epochs;

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(int) * (long)_positions.Length;

    /// <summary>First near key of a block that is not a sink.</summary>
    public static int NearStart(int block, int sinks, int window) => (int)Math.Max(sinks, (long)block * BlockPositions - window);

    /// <summary>Positions of the far keys of a block, ascending.</summary>
    public ReadOnlySpan<int> Of(int block) => _positions.AsSpan(0, CountOf(block));

    /// <summary>The epoch of a block that has far keys.</summary>
    public int EpochOf(int block) => _epochOfBlock[block];

    /// <summary>Plans the blocks up to <paramref name="endBlock"/> that are not yet planned.</summary>
    /// <param name="call">The call.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="endBlock">One beyond the last block.</param>
    public FarKeys Plan(AttentionCall call, int batch, int head, int endBlock)
    {
        if (endBlock > _epochOfBlock.Count)
        {
            _positions = KeptKeys.Between(call, batch, head, sinks, NearStart(endBlock - 1, sinks, window));
        }
        for (int block = _epochOfBlock.Count; block < endBlock; block++)
        {
            int far = CountOf(block);
            if (far > 0 && 10L * far >= 13L * (_epochs.Count == 0 ? 0 : CountOf(_epochs[^1].FirstBlock)))
            {
                _epochs.Add(new FarEpoch(block, block));
            }
            if (_epochs.Count > 0)
            {
                _epochs[^1] = _epochs[^1] with { EndBlock = block + 1 };
            }
            _epochOfBlock.Add(_epochs.Count - 1);
        }
        return this;
    }

    /// <summary>Forgets the blocks that need keys from position <paramref name="length"/> on; returns how many are left.</summary>
    public int Truncate(int length)
    {
        int blocks = Math.Min(_epochOfBlock.Count, length / BlockPositions + 1);
        _epochOfBlock.RemoveRange(blocks, _epochOfBlock.Count - blocks);
        _epochs.RemoveAll(epoch => epoch.FirstBlock >= blocks);
        if (_epochs.Count > 0)
        {
            _epochs[^1] = _epochs[^1] with { EndBlock = blocks };
        }
        return blocks;
    }

    private int CountOf(int block)
    {
        int index = _positions.AsSpan().BinarySearch(NearStart(block, sinks, window));
        return index < 0 ? ~index : index;
    }
}

/// <summary>Blocks that one fit serves.</summary>
/// <param name="FirstBlock">The block whose far keys it is fitted on.</param>
/// <param name="EndBlock">One beyond the last block served.</param>
internal readonly record struct FarEpoch(int FirstBlock, int EndBlock)
{
    /// <summary>Runs a body for every epoch of every head that serves a block of the call.</summary>
    /// <param name="far">Far keys of each head.</param>
    /// <param name="firstBlock">First block that holds a query.</param>
    /// <param name="call">The call.</param>
    /// <param name="body">Called with the index of the head in <paramref name="far"/> and the number of the epoch.</param>
    public static void RunAll(FarKeys[] far, int firstBlock, AttentionCall call, Action<int, int> body)
    {
        // The last epochs have most keys: they go first, so that no thread ends with a long one alone.
        (int Item, int Epoch)[] epochs = [.. far
            .SelectMany((keys, item) => keys.Epochs.Select((epoch, number) => (Item: item, Number: number, Epoch: epoch)))
            .Where(entry => entry.Epoch.EndBlock > firstBlock)
            .OrderByDescending(entry => entry.Epoch.FirstBlock)
            .Select(entry => (entry.Item, entry.Number))];
        ParallelItems.Run(epochs.Length, call.Options.Threads, index => body(epochs[index].Item, epochs[index].Epoch), call.CancellationToken);
    }
}
