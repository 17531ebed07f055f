using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;

namespace Prescore.Attention.Quoka;

/// <summary>Keys, values and the keys' directions of a sequence.</summary>
internal sealed class QuokaMemory(CacheShape shape, AttentionOptions options) : SequenceMemory(shape, options)
{
    /// <summary>Of the keys that are held.</summary>
    public KeyDirections Directions { get; } = new(shape.KeyValueHeads);

    public override long Bytes => base.Bytes + Directions.Bytes;

    public override void Append(AttentionCall call)
    {
        for (int head = 0; head < Keys.Length; head++)
        {
            Directions.Append(head, Keys[head].Count, call.NewKeys(0, head));
        }
        base.Append(call);
    }

    public override void AppendRows(int head, MatrixView keys, MatrixView values)
    {
        Directions.Append(head, Keys[head].Count, keys);
        base.AppendRows(head, keys, values);
    }

    protected override SequenceMemory Empty() => new QuokaMemory(Shape, Options);

    protected override void CopyTo(SequenceMemory fork)
    {
        for (int head = 0; head < Keys.Length; head++)
        {
            ((QuokaMemory)fork).Directions.Append(head, 0, Keys[head].View);
        }
    }
}
