using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>The cache of one layer for Clustered attention: the index is where the keys and values live.</summary>
internal sealed class ClusteredKeyValueCache(ClusteredOptions options, CacheShape shape, AttentionOptions run) : IKeyValueCache
{
    private readonly ClusteredLayer _layer = new(options, shape, run);

    public int Length => _layer.Length;

    public long Bytes => _layer.Bytes;

    /// <summary>Probe records so far.</summary>
    public EffortControl Effort => _layer.Effort;

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
            Shape = new AttentionShape
            {
                QueryHeads = shape.QueryHeads,
                KeyValueHeads = shape.KeyValueHeads,
                Queries = count,
                Keys = count,
                HeadDimension = shape.HeadDimension,
                ValueDimension = shape.ValueDimension,
            },
            Queries = queries,
            QueryLayout = HeadLayout.RowsFirst(shape.QueryHeads, count, shape.HeadDimension),
            Keys = keys,
            KeyLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.HeadDimension),
            Values = values,
            ValueLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.ValueDimension),
            Causal = true,
            Scale = shape.Scale,
        };
        var result = new AttentionOutput { Output = output, Layout = HeadLayout.RowsFirst(shape.QueryHeads, count, shape.ValueDimension) };
        int before = Length;
        AttentionReport report = AttentionCall.Run(
            input, result, run, cancellationToken, call => _layer.Append(call, 0, 0, count, queryOffset: 0));
        // The call knows only the new keys; the queries saw those before them as well.
        return report with { ExactInteractions = report.ExactInteractions + (long)before * count * shape.QueryHeads };
    }

    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        _layer.Rewind(length);
    }

    public void Dispose() => _layer.Dispose();
}
