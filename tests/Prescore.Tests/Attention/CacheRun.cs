using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention;

/// <summary>A cache that is fed with the tokens of some tensors, and the outputs it gave for each position.</summary>
internal sealed class CacheRun : IDisposable
{
    private readonly AttentionShape _shape;

    public CacheRun(IAttention method, AttentionTensors tensors, AttentionOptions run)
        : this(
            tensors.Shape,
            method.CreateCache(new CacheShape(tensors.Shape.QueryHeads, tensors.Shape.KeyValueHeads, tensors.Shape.HeadDimension, tensors.Shape.ValueDimension), run),
            new float[tensors.Shape.Keys * tensors.Shape.QueryHeads * tensors.Shape.ValueDimension])
    {
        Output.AsSpan().Fill(float.NaN);
    }

    private CacheRun(AttentionShape shape, IKeyValueCache cache, float[] output)
    {
        (_shape, Cache, Output) = (shape, cache, output);
    }

    public IKeyValueCache Cache { get; }

    public int Length => Cache.Length;

    /// <summary>Dense [tokens, query heads, d_v].</summary>
    public float[] Output { get; }

    /// <summary>Of all calls so far.</summary>
    public long Interactions { get; private set; }

    /// <summary>Of all calls so far.</summary>
    public long Screened { get; private set; }

    public IReadOnlyList<HeadCertificate> Certificates => ((ICertifiedCache)Cache).Certificates();

    /// <summary>Appends the next tokens of the tensors.</summary>
    public AttentionReport Append(AttentionTensors tensors, int count, CancellationToken cancellationToken = default)
    {
        int first = Length, row = _shape.QueryHeads * _shape.ValueDimension;
        AttentionReport report = Cache.AppendAndAttend(
            count,
            Rows(tensors.Queries, _shape.QueryHeads, _shape.HeadDimension, first, count),
            Rows(tensors.Keys, _shape.KeyValueHeads, _shape.HeadDimension, first, count),
            Rows(tensors.Values, _shape.KeyValueHeads, _shape.ValueDimension, first, count),
            Output.AsSpan(first * row, count * row),
            cancellationToken);
        Length.ShouldBe(first + count);
        long exact = (long)_shape.QueryHeads * (first * (long)count + (long)count * (count + 1) / 2);
        report.ExactInteractions.ShouldBe(exact);
        Interactions += report.Interactions;
        Screened += report.Screened;
        return report;
    }

    /// <summary>Forgets tokens and their outputs.</summary>
    public void Rewind(int length)
    {
        Cache.Rewind(length);
        Length.ShouldBe(length);
        Output.AsSpan(length * _shape.QueryHeads * _shape.ValueDimension).Fill(float.NaN);
    }

    public CacheRun Fork() => new(_shape, Cache.Fork(), [.. Output]);

    public void Dispose() => Cache.Dispose();

    private static float[] Rows(float[] headsFirst, int heads, int columns, int first, int count)
    {
        int rows = headsFirst.Length / heads / columns;
        return AttentionTensors.RowsFirst(headsFirst, heads, rows, columns)[(first * heads * columns)..((first + count) * heads * columns)];
    }
}
