using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>The cache of one layer for Clustered attention: the index is where the keys and values live.</summary>
internal sealed class ClusteredKeyValueCache(ClusteredOptions options, CacheShape shape, AttentionOptions run, ClusteredLayer layer) : ICertifiedCache
{
    public ClusteredKeyValueCache(ClusteredOptions options, CacheShape shape, AttentionOptions run)
        : this(options, shape, run, new ClusteredLayer(options, shape, run, weighted: false))
    {
    }

    public int Length => Layer.Length;

    public long Bytes => Layer.Bytes;

    /// <summary>The state behind the cache.</summary>
    public ClusteredLayer Layer => layer;

    public IReadOnlyList<HeadCertificate> Certificates() => Layer.Certificates();

    public AttentionReport AppendAndAttend(
        int count,
        ReadOnlySpan<float> queries,
        ReadOnlySpan<float> keys,
        ReadOnlySpan<float> values,
        Span<float> output,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var input = new AttentionInput
        {
            Shape = shape.Call(count, count),
            Queries = queries,
            QueryLayout = shape.QueryRows(count, shape.HeadDimension),
            Keys = keys,
            KeyLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.HeadDimension),
            Values = values,
            ValueLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.ValueDimension),
            Causal = true,
            Scale = shape.Scale,
        };
        var result = new AttentionOutput { Output = output, Layout = shape.QueryRows(count, shape.ValueDimension) };
        int before = Length;
        AttentionReport report = AttentionCall.Run(input, result, run, cancellationToken, call =>
        {
            AttentionInputCheck.Storable(call, options.Storage);
            try
            {
                Layer.Append(call, 0, queryOffset: 0);
            }
            catch
            {
                Layer.Restore();
                throw;
            }
        });
        // The call knows only the new keys; the queries saw those before them as well.
        return report with { ExactInteractions = report.ExactInteractions + (long)before * count * shape.QueryHeads };
    }

    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Layer.Rewind(length);
    }

    public IKeyValueCache Fork() => new ClusteredKeyValueCache(options, shape, run, layer.Fork());

    public void Dispose() => Layer.Dispose();
}
