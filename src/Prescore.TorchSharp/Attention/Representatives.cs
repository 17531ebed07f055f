using Prescore.Clustering;
using Prescore.Numerics;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>
/// Weighted representatives of keys, a head: clusters by k-means, each standing for its members by their mean key, their
/// mean value and the logarithm of their number as a bias on the logit (design, section 2: a coreset). Labels have no
/// gradient; the means have.
/// </summary>
internal sealed class Representatives : IDisposable
{
    private const int MaxSteps = 2;

    // Row c holds 1 ÷ |cluster c| at its members: [batch, heads, clusters, n].
    private readonly Tensor _averages;

    private Representatives(Tensor averages, Tensor bias)
    {
        _averages = averages;
        Bias = bias;
    }

    /// <summary>Logarithms of the numbers of members, [batch, heads, 1, clusters]; −∞ where a cluster is empty.</summary>
    public Tensor Bias { get; }

    /// <summary>Clusters, a head, the keys that are not left out.</summary>
    /// <param name="keys">All keys.</param>
    /// <param name="count">Number of representatives a head.</param>
    /// <param name="leftOut">Indices of keys that are not to be represented, ascending, a row a (sequence, head); null for none.</param>
    /// <param name="options">Seed and layer.</param>
    /// <param name="type">Element type of the attention.</param>
    public static Representatives Of(HostKeys keys, int count, int[][]? leftOut, AttentionModuleOptions options, ScalarType type)
    {
        var averages = new double[(long)keys.Batch * keys.Heads * count * keys.Count];
        var logCounts = new double[keys.Batch * keys.Heads * count];
        keys.ForEachHead(head => Cluster(
            keys, head, leftOut?[head] ?? [], options, averages.AsSpan(head * count * keys.Count, count * keys.Count), logCounts.AsSpan(head * count, count)));
        using Tensor average = tensor(averages, [keys.Batch, keys.Heads, count, keys.Count]);
        using Tensor bias = tensor(logCounts, [keys.Batch, keys.Heads, 1, count]);
        return new Representatives(average.to(type, copy: true), bias.to(type, copy: true));
    }

    /// <summary>Mean rows of every cluster, with gradient: [batch, heads, n, d] to [batch, heads, clusters, d].</summary>
    public Tensor Mean(Tensor rows) => _averages.matmul(rows);

    public void Dispose()
    {
        _averages.Dispose();
        Bias.Dispose();
    }

    private static void Cluster(HostKeys keys, int head, ReadOnlySpan<int> leftOut, AttentionModuleOptions options, Span<double> averages, Span<double> logCounts)
    {
        logCounts.Fill(double.NegativeInfinity);
        int[] rows = Except(keys.Count, leftOut);
        if (rows.Length == 0)
        {
            return;
        }
        int count = logCounts.Length;
        var labels = new int[rows.Length];
        KMeans.Fit(Gather(keys[head], rows), Math.Min(count, rows.Length), Origin(keys, head, options), labels, MaxSteps, Kernels.SimdPaths.Best).Centres.Dispose();
        var sizes = new int[count];
        foreach (int label in labels)
        {
            sizes[label]++;
        }
        for (int i = 0; i < rows.Length; i++)
        {
            averages[labels[i] * keys.Count + rows[i]] = 1.0 / sizes[labels[i]];
            logCounts[labels[i]] = Math.Log(sizes[labels[i]]);
        }
    }

    private static RandomOrigin Origin(HostKeys keys, int head, AttentionModuleOptions options) =>
        new(options.Seed, options.Layer, head % keys.Heads, 0);

    private static int[] Except(int count, ReadOnlySpan<int> leftOut)
    {
        var rows = new int[count - leftOut.Length];
        for (int i = 0, next = 0, to = 0; i < count; i++)
        {
            if (next < leftOut.Length && leftOut[next] == i)
            {
                next++;
                continue;
            }
            rows[to++] = i;
        }
        return rows;
    }

    private static KeyMatrix Gather(in KeyMatrix keys, int[] rows)
    {
        if (rows.Length == keys.Count)
        {
            return keys;
        }
        var gathered = new float[rows.Length * keys.Dimension];
        for (int i = 0; i < rows.Length; i++)
        {
            keys[rows[i]].CopyTo(gathered.AsSpan(i * keys.Dimension));
        }
        return new KeyMatrix { Values = gathered, Count = rows.Length, Dimension = keys.Dimension };
    }
}
