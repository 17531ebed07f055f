using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>What a method gave on one layer.</summary>
/// <param name="Output">Outputs [query heads, n_q, d_v].</param>
/// <param name="LogSumExp">Log-sum-exp [query heads, n_q].</param>
/// <param name="Report">The work done.</param>
public sealed record LayerRun(float[] Output, float[] LogSumExp, AttentionReport Report)
{
    /// <summary>Runs a method on a layer.</summary>
    public static LayerRun Of(
        IAttention method, LayerTensors layer, bool causal, AttentionOptions options, CancellationToken cancellationToken = default)
    {
        AttentionShape shape = layer.Shape;
        var output = new float[checked(shape.QueryHeads * shape.Queries * shape.ValueDimension)];
        var logSumExp = new float[shape.QueryHeads * shape.Queries];
        // Pages that are first touched while the method runs would count as its time; NaN shows what it did not write.
        output.AsSpan().Fill(float.NaN);
        logSumExp.AsSpan().Fill(float.NaN);
        AttentionReport report = method.Compute(
            layer.Input(causal),
            new AttentionOutput { Output = output, LogSumExp = logSumExp },
            options with { Layer = layer.Layer },
            cancellationToken);
        return new LayerRun(output, logSumExp, report);
    }
}
