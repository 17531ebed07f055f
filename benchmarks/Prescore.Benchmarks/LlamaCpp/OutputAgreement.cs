using System.Numerics.Tensors;

namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>How near two sides' predictions are.</summary>
/// <param name="SameTop">Share of the positions at which both predict the same token.</param>
/// <param name="Divergence">Mean Kullback-Leibler divergence of the second from the first, in nats.</param>
internal sealed record OutputAgreement(double SameTop, double Divergence)
{
    public static OutputAgreement Of(float[][] first, float[][] second)
    {
        int same = 0;
        double divergence = 0;
        for (int i = 0; i < first.Length; i++)
        {
            same += TensorPrimitives.IndexOfMax<float>(first[i]) == TensorPrimitives.IndexOfMax<float>(second[i]) ? 1 : 0;
            double[] p = LogProbabilities(first[i]), q = LogProbabilities(second[i]);
            divergence += p.Zip(q).Sum(pair => Math.Exp(pair.First) * (pair.First - pair.Second));
        }
        return new OutputAgreement((double)same / first.Length, divergence / first.Length);
    }

    private static double[] LogProbabilities(float[] logits)
    {
        double largest = TensorPrimitives.Max<float>(logits);
        double logSum = largest + Math.Log(logits.Sum(logit => Math.Exp(logit - largest)));
        return [.. logits.Select(logit => logit - logSum)];
    }
}
