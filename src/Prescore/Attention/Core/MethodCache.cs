using System.Runtime.InteropServices;
using Prescore.Attention.Contracts;
using Prescore.Memory;

namespace Prescore.Attention.Core;

/// <summary>
/// The cache of a method whose work on a call is the same with and without a cache, but that with one it finds what it
/// needs of earlier tokens in the call's <see cref="AttentionCall.Memory"/>.
/// </summary>
internal sealed class MethodCache(
    CacheShape shape, AttentionOptions options, SequenceMemory memory, Action<AttentionCall> body, int length = 0)
    : KeyValueCache(shape, options, length), ISavableCache
{
    public override long Bytes => memory.Bytes;

    protected override KeyValueCache Copy() => new MethodCache(Shape, Options, memory.Fork(), body, Length);

    public override void Dispose() => memory.Dispose();

    public void Save(Stream stream)
    {
        var keys = new float[checked(Length * Shape.HeadDimension)];
        var values = new float[checked(Length * Shape.ValueDimension)];
        for (int head = 0; head < Shape.KeyValueHeads; head++)
        {
            memory.ReadRows(head, keys, values);
            stream.Write(MemoryMarshal.AsBytes<float>(keys));
            stream.Write(MemoryMarshal.AsBytes<float>(values));
        }
    }

    public unsafe void Load(Stream stream, int length)
    {
        if (Length > 0)
        {
            throw new InvalidOperationException($"the cache holds {Length} tokens already");
        }
        var keys = new float[checked(length * Shape.HeadDimension)];
        var values = new float[checked(length * Shape.ValueDimension)];
        for (int head = 0; head < Shape.KeyValueHeads; head++)
        {
            stream.ReadExactly(MemoryMarshal.AsBytes(keys.AsSpan()));
            stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            fixed (float* keyRows = keys, valueRows = values)
            {
                memory.AppendRows(
                    head,
                    new MatrixView(keyRows, length, Shape.HeadDimension, Shape.HeadDimension),
                    new MatrixView(valueRows, length, Shape.ValueDimension, Shape.ValueDimension));
            }
        }
        Length = length;
    }

    protected override void Append(AttentionCall call)
    {
        AttentionCall whole = call.After(Length, memory);
        memory.Append(whole);
        body(whole);
    }

    protected override void Truncate(int length) => memory.Truncate(length);
}
