using Prescore.Attention.Contracts;
using Prescore.Memory;

namespace Prescore.Attention.Core;

/// <summary>
/// The cache of a method whose work on a call is the same with and without a cache, but that with one it finds what it
/// needs of earlier tokens in the call's <see cref="AttentionCall.Memory"/>.
/// </summary>
internal sealed class MethodCache(
    CacheShape shape, AttentionOptions options, SequenceMemory memory, Action<AttentionCall> body, int length = 0)
    : KeyValueCache(shape, options, length)
{
    public override long Bytes => memory.Bytes;

    public override string Storage => "F32";

    protected override KeyValueCache Copy() => new MethodCache(Shape, Options, memory.Fork(), body, Length);

    public override void Dispose() => memory.Dispose();

    protected override void Save(CacheStream file)
    {
        var keys = new float[checked(Length * Shape.HeadDimension)];
        var values = new float[checked(Length * Shape.ValueDimension)];
        for (int head = 0; head < Shape.KeyValueHeads; head++)
        {
            memory.ReadRows(head, keys, values);
            file.Write<float>(keys);
            file.Write<float>(values);
        }
    }

    protected override unsafe void Load(CacheStream file, int length)
    {
        for (int head = 0; head < Shape.KeyValueHeads; head++)
        {
            float[] keys = file.ReadFinite((long)length * Shape.HeadDimension), values = file.ReadFinite((long)length * Shape.ValueDimension);
            fixed (float* keyRows = keys, valueRows = values)
            {
                memory.AppendRows(
                    head,
                    new MatrixView(keyRows, length, Shape.HeadDimension, Shape.HeadDimension),
                    new MatrixView(valueRows, length, Shape.ValueDimension, Shape.ValueDimension));
            }
        }
    }

    protected override void Append(AttentionCall call)
    {
        AttentionCall whole = call.After(Length, memory);
        memory.Append(whole);
        body(whole);
    }

    protected override void Truncate(int length) => memory.Truncate(length);
}
