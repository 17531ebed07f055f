using System.Buffers;
using System.Diagnostics;
using Prescore.Attention.Core;
using Prescore.Storage;

namespace Prescore.Attention.Coreset;

/// <summary>
/// Representatives of the far keys of each block of queries of one key/value head in a causal stream. Centres are fitted
/// at the first block of an epoch; a later key joins the nearest of them. A block's representatives are the means of the
/// clusters' members among the block's own far keys. In decode a block's representatives are computed once, at its first
/// token, and of the keys only those are labelled that are new.
/// </summary>
/// <param name="batch">Sequence.</param>
/// <param name="head">Key/value head.</param>
/// <param name="far">Far keys of each block.</param>
/// <param name="count">Number of representatives; as many keys or fewer stay as they are.</param>
/// <param name="steps">Lloyd steps of a fit at most.</param>
internal sealed class StreamingCoreset(int batch, int head, FarKeys far, int count, int steps) : IDisposable
{
    private readonly List<EpochLabels> _epochs = [];
    private WeightedKeys? _last;
    private int _lastBlock = -1;

    /// <summary>Bytes held.</summary>
    public long Bytes => far.Bytes + _epochs.Sum(epoch => epoch.Bytes) + (_last?.Bytes ?? 0);

    /// <summary>Plans the far keys of the blocks up to <paramref name="endBlock"/>.</summary>
    public FarKeys Plan(AttentionCall call, int endBlock)
    {
        far.Plan(call, batch, head, endBlock);
        while (_epochs.Count < far.Epochs.Count)
        {
            _epochs.Add(new EpochLabels());
        }
        return far;
    }

    /// <summary>Fits the centres of an epoch, where they are not, and labels the far keys of all its blocks.</summary>
    /// <param name="call">The call.</param>
    /// <param name="epoch">Number of the epoch.</param>
    /// <param name="leftAt">
    /// Positions of those far keys of a block that are not computed otherwise: the centres are fitted on those of the epoch's
    /// first block, or on all its far keys where they are too few.
    /// </param>
    public void Fit(AttentionCall call, int epoch, Func<int, int[]> leftAt)
    {
        (int firstBlock, int endBlock) = far.Epochs[epoch];
        EpochLabels labels = _epochs[epoch];
        ReadOnlySpan<int> all = far.Of(endBlock - 1);
        if (all.Length <= count || labels.Count == all.Length)
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        if (labels.Clusters is null)
        {
            int[] left = leftAt(firstBlock);
            ReadOnlySpan<int> first = far.Of(firstBlock), fitKeys = left.Length > count ? left : first;
            labels.Clusters = KeyClustering.Fit(call, batch, head, fitKeys, Math.Min(count, fitKeys.Length), steps);
            labels.Clusters.Assign(call.Keys(batch, head), first, labels.Grow(first.Length), repairs: true);
        }
        labels.Clusters.Assign(call.Keys(batch, head), all[labels.Count..], labels.Grow(all.Length), repairs: false);
        call.Work.AddIndexProducts(labels.Clusters.TakeIndexProducts());
        call.Work.AddIndexTime(start);
    }

    /// <summary>What stands for the far keys of a block, packed; good until the next call for the same thread or head.</summary>
    /// <param name="call">The call.</param>
    /// <param name="scratch">The thread's own list.</param>
    /// <param name="block">Number of the block.</param>
    /// <param name="without">Indices into <see cref="FarKeys.Of"/>, ascending, of keys that are computed otherwise.</param>
    public KeyValueTiles TilesOf(AttentionCall call, WeightedKeys scratch, int block, ReadOnlySpan<int> without)
    {
        bool keeps = call.Memory is not null && call.Shape.Queries == 1;
        if (keeps && _last is not null && _lastBlock == block)
        {
            return _last.Tiles;
        }
        long start = Stopwatch.GetTimestamp();
        WeightedKeys keys = keeps ? _last ??= new WeightedKeys(call.Options.Simd) : scratch;
        keys.Begin(call, batch, head, Math.Min(count, far.Of(block).Length));
        AddTo(keys, block, without);
        keys.Pack();
        _lastBlock = keeps ? block : _lastBlock;
        call.Work.AddIndexTime(start);
        return keys.Tiles;
    }

    /// <summary>Forgets what needs keys behind the first <paramref name="blocks"/> blocks, as <see cref="FarKeys.Truncate"/> counts them.</summary>
    public void Truncate(int blocks)
    {
        for (int epoch = far.Epochs.Count; epoch < _epochs.Count; epoch++)
        {
            _epochs[epoch].Dispose();
        }
        _epochs.RemoveRange(Math.Min(far.Epochs.Count, _epochs.Count), Math.Max(0, _epochs.Count - far.Epochs.Count));
        int known = blocks == 0 ? 0 : far.Of(blocks - 1).Length;
        _epochs.ForEach(epoch => epoch.Truncate(known));
        _lastBlock = _lastBlock < blocks ? _lastBlock : -1;
    }

    public void Dispose()
    {
        _epochs.ForEach(epoch => epoch.Dispose());
        _last?.Dispose();
    }

    private void AddTo(WeightedKeys keys, int block, ReadOnlySpan<int> without)
    {
        ReadOnlySpan<int> positions = far.Of(block);
        if (positions.Length - without.Length <= count)
        {
            AddAll(keys, positions, without);
            return;
        }
        EpochLabels epoch = _epochs[far.EpochOf(block)];
        int[] labels = ArrayPool<int>.Shared.Rent(positions.Length);
        epoch.Labels[..positions.Length].CopyTo(labels);
        foreach (int index in without)
        {
            labels[index] = -1;
        }
        keys.AddClusters(positions, labels.AsSpan(0, positions.Length), epoch.Clusters!.Count);
        ArrayPool<int>.Shared.Return(labels);
    }

    private static void AddAll(WeightedKeys keys, ReadOnlySpan<int> positions, ReadOnlySpan<int> without)
    {
        for (int i = 0; i < positions.Length; i++)
        {
            if (!without.IsEmpty && without[0] == i)
            {
                without = without[1..];
                continue;
            }
            keys.AddKey(positions[i]);
        }
    }

    /// <summary>What one fit gives: centres, and the cluster of each far key that has come so far.</summary>
    private sealed class EpochLabels : IDisposable
    {
        private int[] _labels = [];

        /// <summary>The centres; null: no block has had more keys than representatives.</summary>
        public KeyClustering? Clusters { get; set; }

        /// <summary>Number of labelled keys.</summary>
        public int Count { get; private set; }

        public ReadOnlySpan<int> Labels => _labels.AsSpan(0, Count);

        public long Bytes => sizeof(int) * (long)_labels.Length + (Clusters?.Bytes ?? 0);

        /// <summary>Room for the labels of more keys.</summary>
        public Span<int> Grow(int count)
        {
            if (_labels.Length < count)
            {
                Array.Resize(ref _labels, Count == 0 ? count : count + count / 4);
            }
            int known = Count;
            Count = count;
            return _labels.AsSpan(known, count - known);
        }

        public void Truncate(int count) => Count = Math.Min(Count, count);

        public void Dispose() => Clusters?.Dispose();
    }
}
