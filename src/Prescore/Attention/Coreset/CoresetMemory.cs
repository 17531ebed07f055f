using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Coreset;

/// <summary>What streaming attention over a coreset keeps of a sequence: far keys, their clusters and the last block's representatives.</summary>
internal sealed class CoresetMemory(CacheShape shape, AttentionOptions options, Func<int, (FarKeys Far, StreamingCoreset Coreset)> create)
    : SequenceMemory(shape, options)
{
    private readonly (FarKeys Far, StreamingCoreset Coreset)[] _heads = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(create)];

    /// <summary>Of every key/value head.</summary>
    public StreamingCoreset[] Coresets => [.. _heads.Select(head => head.Coreset)];

    public override long Bytes => base.Bytes + _heads.Sum(head => head.Coreset.Bytes);

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Array.ForEach(_heads, head => head.Coreset.Truncate(head.Far.Truncate(length)));
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(_heads, head => head.Coreset.Dispose());
    }

    protected override SequenceMemory Empty() => new CoresetMemory(Shape, Options, create);
}
