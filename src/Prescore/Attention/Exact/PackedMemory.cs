using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Exact;

/// <summary>Keys and values as exact attention reads them: packed, and nothing beside. A fork shares whole blocks.</summary>
internal class PackedMemory : SequenceMemory
{
    public PackedMemory(CacheShape shape, AttentionOptions options)
        : base(shape, options)
    {
        Tiles = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(_ => KeyValueTiles.Create(options.Simd))];
    }

    /// <summary>Keys and values of every key/value head.</summary>
    public KeyValueTiles[] Tiles { get; }

    public override long Bytes => Tiles.Sum(tiles => tiles.Bytes);

    /// <summary>Nothing: the keys are packed head by head, just before they are attended.</summary>
    public override void Append(AttentionCall call)
    {
    }

    public override void ReadRows(int head, Span<float> keys, Span<float> values)
    {
        KeyValueTiles tiles = Tiles[head];
        for (int i = 0; i < tiles.Count; i++)
        {
            tiles.ReadRow(i, keys.Slice(i * tiles.Dimension, tiles.Dimension), values.Slice(i * tiles.ValueDimension, tiles.ValueDimension));
        }
    }

    public override void AppendRows(int head, MatrixView keys, MatrixView values) =>
        Tiles[head].Append(keys, values, Options.Threads, CancellationToken.None);

    public override void Truncate(int length) => Array.ForEach(Tiles, tiles => tiles.Truncate(length));

    public override void Dispose() => Array.ForEach(Tiles, tiles => tiles.Dispose());

    protected override SequenceMemory Empty() => new PackedMemory(Shape, Options);

    protected override void CopyTo(SequenceMemory fork)
    {
        for (int head = 0; head < Tiles.Length; head++)
        {
            ((PackedMemory)fork).Tiles[head] = Tiles[head].Fork(Options.Simd);
        }
    }
}
