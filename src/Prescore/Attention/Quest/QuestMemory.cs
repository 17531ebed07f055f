using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Exact;
using Prescore.Storage;

namespace Prescore.Attention.Quest;

/// <summary>Packed keys and values, and the bounds of their full pages.</summary>
internal sealed class QuestMemory(CacheShape shape, AttentionOptions options, int page) : PackedMemory(shape, options)
{
    /// <summary>Of every key/value head; brought up to date when it is attended. See <see cref="PageBounds"/>.</summary>
    public KeyValueTiles[] Bounds { get; } = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(_ => KeyValueTiles.Create(options.Simd))];

    public override long Bytes => base.Bytes + Bounds.Sum(bounds => bounds.Bytes);

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Array.ForEach(Bounds, bounds => bounds.Truncate(length / page));
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(Bounds, bounds => bounds.Dispose());
    }

    protected override SequenceMemory Empty() => new QuestMemory(Shape, Options, page);

    protected override void CopyTo(SequenceMemory fork)
    {
        base.CopyTo(fork);
        for (int head = 0; head < Bounds.Length; head++)
        {
            ((QuestMemory)fork).Bounds[head] = Bounds[head].Fork(Options.Simd);
        }
    }
}
