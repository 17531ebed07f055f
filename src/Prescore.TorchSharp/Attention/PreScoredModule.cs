using Prescore.Scoring;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>
/// Pre-scored attention, not causal (arXiv 2505.11040): the queries attend to the keys that a scorer ranks highest, and,
/// with <paramref name="rest"/> representatives, to the weighted means of the others.
/// </summary>
/// <param name="scorer">Ranks the keys; one of the library's scorers.</param>
/// <param name="count">Number s of keys a head that are attended to, the protected ones included; at least 1.</param>
/// <param name="rest">Number of representatives that stand for the other keys; 0 leaves those out.</param>
/// <param name="options">Seed, layer and protected keys.</param>
public sealed class PreScoredModule(IKeyScorer scorer, int count, int rest, AttentionModuleOptions options) : AttentionModule(nameof(PreScoredModule))
{
    private readonly KeySelector _selector = new(scorer, count, options);

    /// <inheritdoc/>
    public override string Spec => $"prescored:scorer={scorer.Name},s={count}" + (rest > 0 ? $",rest=coreset,reps={rest}" : "");

    /// <inheritdoc/>
    public override Tensor forward(Tensor queries, Tensor keys, Tensor values)
    {
        var host = new HostKeys(keys);
        int[][] selected = _selector.Select(host);
        using Tensor indices = KeySelector.ToTensor(selected, host);
        Tensor selectedKeys = KeySelector.Gather(keys, indices), selectedValues = KeySelector.Gather(values, indices);
        if (rest == 0 || selected[0].Length == host.Count)
        {
            return Attend(queries, selectedKeys, selectedValues);
        }
        using Representatives others = Representatives.Of(host, rest, selected, options, keys.dtype);
        using Tensor none = zeros(host.Batch, host.Heads, 1, selected[0].Length, dtype: keys.dtype);
        Tensor bias = cat([none, others.Bias], -1).expand(-1, -1, queries.shape[2], -1);
        return Attend(queries, cat([selectedKeys, others.Mean(keys)], 2), cat([selectedValues, others.Mean(values)], 2), bias);
    }
}
