using Prescore.Attention.Contracts;

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

    public override IKeyValueCache Fork() => new MethodCache(Shape, Options, memory.Fork(), body, Length);

    public override void Dispose() => memory.Dispose();

    protected override void Append(AttentionCall call)
    {
        AttentionCall whole = call.After(Length, memory);
        memory.Append(whole);
        body(whole);
    }

    protected override void Truncate(int length) => memory.Truncate(length);
}
