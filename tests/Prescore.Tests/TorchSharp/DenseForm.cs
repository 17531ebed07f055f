using Prescore.TorchSharp.Attention;
using static TorchSharp.torch;

namespace Prescore.Tests.TorchSharp;

/// <summary>
/// The oracle of the modules: plain softmax over all n keys in which an unseen key has the logit −∞, and a represented key
/// and value are replaced by the means of their cluster (n_c copies of one key weigh as much as the key with logit + ln n_c).
/// </summary>
internal static class DenseForm
{
    /// <summary>Softmax attention with an additive mask, from its definition.</summary>
    public static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? mask = null)
    {
        Tensor logits = queries.matmul(keys.transpose(-2, -1)) / Math.Sqrt(queries.shape[3]);
        return softmax(mask is null ? logits : logits + mask, -1).matmul(values);
    }

    /// <summary>A mask [batch, heads, 1, n] that is 0 at the given keys and −∞ at the others.</summary>
    public static Tensor Mask(int[][] seen, Tensor keys)
    {
        long n = keys.shape[2];
        var mask = new double[seen.Length * n];
        Array.Fill(mask, double.NegativeInfinity);
        for (int head = 0; head < seen.Length; head++)
        {
            foreach (int key in seen[head])
            {
                mask[head * n + key] = 0;
            }
        }
        return tensor(mask, [keys.shape[0], keys.shape[1], 1, n]).to(keys.dtype);
    }

    /// <summary>The matrix [batch, heads, n, n] that replaces represented rows by their cluster's mean and keeps the others.</summary>
    public static Tensor Replacement(Representatives representatives, Tensor keys)
    {
        Tensor identity = eye(keys.shape[2], dtype: keys.dtype);
        Tensor averages = representatives.Mean(identity.expand(keys.shape[0], keys.shape[1], -1, -1));
        Tensor replaced = averages.gt(0).to(keys.dtype).transpose(-2, -1).matmul(averages);
        Tensor kept = replaced.sum(-1, keepdim: true).eq(0).to(keys.dtype);
        return replaced + kept * identity;
    }
}
