using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.PreScored;

/// <summary>What streaming pre-scored attention keeps of a sequence: fitted scorers, scores, choices and representatives of every head.</summary>
internal sealed class StreamMemory(CacheShape shape, AttentionOptions options, Func<int, StreamingHead> create) : SequenceMemory(shape, options)
{
    /// <summary>Of every key/value head.</summary>
    public StreamingHead[] Heads { get; } = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(create)];

    public override long Bytes => base.Bytes + Heads.Sum(head => head.Bytes);

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Array.ForEach(Heads, head => head.Truncate(length));
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(Heads, head => head.Dispose());
    }

    protected override SequenceMemory Empty() => new StreamMemory(Shape, Options, create);

    protected override void CopyTo(SequenceMemory fork)
    {
        for (int head = 0; head < Heads.Length; head++)
        {
            Heads[head].Selection.CopyTo(((StreamMemory)fork).Heads[head].Selection);
        }
    }
}
