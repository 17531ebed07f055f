using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>The cache of one layer for Clustered attention: the index is where the keys and values live.</summary>
internal sealed class ClusteredKeyValueCache(CacheShape shape, AttentionOptions run, ClusteredLayer layer)
    : KeyValueCache(shape, run, layer.Length), ICertifiedCache
{
    public ClusteredKeyValueCache(ClusteredOptions options, QueryBatchPools pools, CacheShape shape, AttentionOptions run)
        : this(shape, run, new ClusteredLayer(options, pools, shape, run, weighted: false))
    {
    }

    public override long Bytes => layer.Bytes;

    public override string Storage => "I16";

    /// <summary>The state behind the cache.</summary>
    public ClusteredLayer Layer => layer;

    public IReadOnlyList<HeadCertificate> Certificates() => layer.Certificates();

    protected override KeyValueCache Copy() => new ClusteredKeyValueCache(Shape, Options, layer.Fork());

    public override void Dispose() => layer.Dispose();

    protected override void Save(CacheStream file) => layer.Save(file);

    protected override void Load(CacheStream file, int length) => layer.Load(file, length);

    protected override void Append(AttentionCall call)
    {
        call.RefuseOverflow();
        layer.Append(call, 0, queryOffset: 0);
    }

    protected override void Truncate(int length) => layer.Rewind(length);

    protected override void Restore(int length) => layer.Restore();
}
