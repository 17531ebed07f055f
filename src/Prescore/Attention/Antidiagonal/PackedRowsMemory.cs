using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Attention.Exact;
using Prescore.Memory;

namespace Prescore.Attention.Antidiagonal;

/// <summary>Packed keys and values, and the keys in rows beside them, as scores read them.</summary>
internal sealed class PackedRowsMemory(CacheShape shape, AttentionOptions options) : PackedMemory(shape, options)
{
    public override long Bytes => base.Bytes + Keys.Sum(rows => rows.Bytes);

    public override void Append(AttentionCall call)
    {
        for (int head = 0; head < Keys.Length; head++)
        {
            Keys[head].Append(call.NewKeys(0, head));
        }
    }

    public override void AppendRows(int head, MatrixView keys, MatrixView values)
    {
        base.AppendRows(head, keys, values);
        Keys[head].Append(keys);
    }

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Array.ForEach(Keys, rows => rows.Truncate(length));
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(Keys, rows => rows.Dispose());
    }

    protected override SequenceMemory Empty() => new PackedRowsMemory(Shape, Options);
}
