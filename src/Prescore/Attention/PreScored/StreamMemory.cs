using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.PreScored;

/// <summary>What streaming pre-scored attention keeps of a sequence: fitted scorers, scores and choices of every head.</summary>
internal sealed class StreamMemory(CacheShape shape, AttentionOptions options, Func<int, StreamingSelection> create) : SequenceMemory(shape, options)
{
    /// <summary>The selection of every key/value head.</summary>
    public StreamingSelection[] Selections { get; } = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(create)];

    public override long Bytes => base.Bytes + Selections.Sum(selection => selection.Bytes);

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Array.ForEach(Selections, selection => selection.Truncate(length));
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(Selections, selection => selection.Dispose());
    }

    protected override SequenceMemory Empty() => new StreamMemory(Shape, Options, create);
}
