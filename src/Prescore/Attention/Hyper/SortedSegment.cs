using System.Buffers;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Hyper;

/// <summary>
/// The keys of a segment of one key/value head, sorted by their code and cut into blocks, and a random sample of the keys
/// outside each block (sortLSH with residual sampling, arXiv 2310.05869, algorithms 1 and 3). Every block has the same
/// number of keys; where the segment is not a multiple of it, neighbouring blocks overlap.
/// </summary>
internal sealed class SortedSegment
{
    private readonly int[] _keys;
    private readonly int[] _always;
    private readonly int[] _drawn = [];
    private readonly int _blockKeys;
    private readonly int _samples;

    /// <summary>Sorts the keys.</summary>
    /// <param name="settings">Block and sample size.</param>
    /// <param name="options">Seed and layer of the sample.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="codes">Codes of all keys of the head; null only where the segment is computed exactly anyway.</param>
    /// <param name="keys">The segment's keys.</param>
    public SortedSegment(HyperSettings settings, AttentionOptions options, int head, ushort[]? codes, SegmentKeys keys)
    {
        (_keys, _always) = (keys.Hashed, keys.Always);
        // A sample as large as the residual is the residual: then all keys are one block.
        bool exact = settings.Terms(_keys.Length) == _keys.Length;
        _blockKeys = exact ? _keys.Length : settings.Block;
        _samples = exact ? 0 : settings.Sample;
        Blocks = exact ? 1 : (_keys.Length + _blockKeys - 1) / _blockKeys;
        if (Blocks > 1)
        {
            Codes = SortKeys(codes!);
            _drawn = ResidualSample.First(options, head, _keys, Math.Min(_keys.Length, _blockKeys + _samples));
        }
    }

    /// <summary>Number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>Codes of the keys in their order; empty where there is one block.</summary>
    public ushort[] Codes { get; } = [];

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(int) * (long)(_keys.Length + _always.Length + _drawn.Length) + sizeof(ushort) * (long)Codes.Length;

    /// <summary>Adds the keys that the queries of a block attend to a list, with the samples' log-weight.</summary>
    public void Gather(int block, KeyGather keys)
    {
        keys.Add(_always);
        int start = BlockStart(block);
        keys.Add(_keys.AsSpan(start, _blockKeys));
        float logWeight = _samples == 0 ? 0 : ResidualSample.LogWeight(_keys.Length - _blockKeys, _samples);
        int samples = 0;
        for (int i = 0; samples < _samples; i++)
        {
            int index = _drawn[i];
            if (index < start || index >= start + _blockKeys)
            {
                keys.Add(_keys[index], logWeight);
                samples++;
            }
        }
    }

    private int BlockStart(int block) => Blocks == 1 ? 0 : (int)((long)block * (_keys.Length - _blockKeys) / (Blocks - 1));

    /// <summary>Sorts the keys by code, ties by position, and returns the codes in that order.</summary>
    private ushort[] SortKeys(ushort[] codes)
    {
        ulong[] order = ArrayPool<ulong>.Shared.Rent(_keys.Length);
        for (int i = 0; i < _keys.Length; i++)
        {
            order[i] = (ulong)codes[_keys[i]] << 32 | (uint)_keys[i];
        }
        order.AsSpan(0, _keys.Length).Sort();
        var sorted = new ushort[_keys.Length];
        for (int i = 0; i < _keys.Length; i++)
        {
            sorted[i] = (ushort)(order[i] >> 32);
            _keys[i] = (int)(uint)order[i];
        }
        ArrayPool<ulong>.Shared.Return(order);
        return sorted;
    }
}
