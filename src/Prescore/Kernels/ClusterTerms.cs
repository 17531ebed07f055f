using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Clusters as terms of one row's softmax: their sum, what selected keys leave of them, and the selected keys' weights. Logits are
/// relative to the row's maximum. One code for every machine. Arrays of clusters are readable up to whole vectors, with a
/// log-weight of <see cref="NoCluster"/> behind the last.
/// </summary>
internal static unsafe class ClusterTerms
{
    /// <summary>Log-weight of a cluster that is not there.</summary>
    public const float NoCluster = -1e30f;

    /// <summary>A cluster's rest that weighs less than this part of it is left out: what is left of the sums is rounding.</summary>
    public const float LeastRest = 1e-3f;

    /// <summary>Largest logit above a row's maximum that its sums have room for.</summary>
    public const float Headroom = 40;

    /// <summary>Log-sum-exp of a row's clusters and of what it has attended so far.</summary>
    /// <param name="logits">Logits of the mean keys.</param>
    /// <param name="logWeights">Log-weights of the clusters.</param>
    /// <param name="clusters">Number of clusters.</param>
    /// <param name="maximum">The row's maximum so far; becomes that with the clusters.</param>
    /// <param name="sum">The row's sum so far.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LogSumExp(float* logits, float* logWeights, int clusters, ref float maximum, float sum)
    {
        Vector512<float> most = Vector512.Create(maximum);
        for (int j = 0; j < clusters; j += 16)
        {
            most = Vector512.MaxNative(most, Vector512.Load(logits + j) + Vector512.Load(logWeights + j));
        }
        float before = maximum;
        maximum = Kernel512.Largest(most);
        Vector512<float> m = Vector512.Create(maximum), total = default;
        for (int j = 0; j < clusters; j += 16)
        {
            total += Kernel512.Exp(Vector512.Load(logits + j) + Vector512.Load(logWeights + j) - m);
        }
        float rest = sum == 0 ? 0 : sum * MathF.Exp(before - maximum);
        return maximum + MathF.Log(rest + Vector512.Sum(total));
    }

    /// <summary>Selected keys a cluster and the sums of their logits, from running sums over all of the row's selected keys.</summary>
    /// <param name="ends">End of each cluster's selected keys; ends[−1] is 0.</param>
    /// <param name="running">Sum of the logits of the first selected keys, from none on.</param>
    /// <param name="clusters">Number of clusters.</param>
    /// <param name="counts">Receives the numbers of selected keys.</param>
    /// <param name="sums">Receives the sums of their logits.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumByCluster(int* ends, float* running, int clusters, float* counts, float* sums)
    {
        if (!Avx2.IsSupported)
        {
            for (int j = 0; j < clusters; j++)
            {
                counts[j] = ends[j] - ends[j - 1];
                sums[j] = running[ends[j]] - running[ends[j - 1]];
            }
            return;
        }
        float before = 0;
        for (int j = 0; j < clusters; j += 8)
        {
            Vector256<int> end = Vector256.Load(ends + j);
            Vector256<float> sum = Avx2.GatherVector256(running, end, 4);
            Vector256.ConvertToSingle(end - Vector256.Load(ends + j - 1)).Store(counts + j);
            Vector256<float> shifted = Vector256.Shuffle(sum, Vector256.Create(0, 0, 1, 2, 3, 4, 5, 6)).WithElement(0, before);
            (sum - shifted).Store(sums + j);
            before = sum[7];
        }
    }

    /// <summary>
    /// What selected keys leave of a row's clusters. With W the weight of a cluster, c its mean logit, and Σ over its selected keys, the
    /// rest has weight W' = W − Σω and mean logit c' = (W·c − Σω·l) / W': by Jensen's inequality a lower bound of its mass.
    /// A cluster's mass is then e^(c' + ln of its weight), of which W'/W is the rest's and each selected key takes its part away.
    /// </summary>
    /// <param name="counts">Σω of the selected keys of each cluster.</param>
    /// <param name="sums">Σω·l.</param>
    /// <param name="clusters">Number of clusters.</param>
    /// <param name="logits">Logits of the mean keys, not yet relative to the maximum.</param>
    /// <param name="maximum">The row's maximum.</param>
    /// <param name="weights">W, in the unit of ω.</param>
    /// <param name="logWeights">Log-weights of the clusters.</param>
    /// <param name="masses">Receives the masses.</param>
    /// <param name="ends">End of each cluster's selected keys.</param>
    /// <param name="runEnds">Receives the ends of clusters with selected keys.</param>
    /// <param name="runUnits">Receives what a unit of ω weighs in them.</param>
    /// <param name="runs">Number of clusters with selected keys.</param>
    /// <returns>Sum of the masses.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Rests(
        float* counts, float* sums, int clusters, float* logits, float maximum, float* weights, float* logWeights, float* masses,
        int* ends, int* runEnds, float* runUnits, out int runs)
    {
        Vector512<float> m = Vector512.Create(maximum), total = default, limit = Vector512.Create(Headroom);
        int found = 0;
        for (int j = 0; j < clusters; j += 16)
        {
            Vector512<float> weight = Vector512.Load(weights + j), count = Vector512.Load(counts + j), rest = weight - count;
            Vector512<float> mean = Vector512.FusedMultiplyAdd(weight, Vector512.Load(logits + j) - m, -Vector512.Load(sums + j)) / rest;
            Vector512<float> known = Present(clusters - j);
            Vector512<float> present = Vector512.GreaterThan(rest, weight * Vector512.Create(LeastRest)) & known;
            Vector512<float> mass = Kernel512.Exp(Vector512.MinNative(mean + Vector512.Load(logWeights + j), limit)) & present;
            mass.Store(masses + j);
            total += mass;
            Vector512<int> some = Vector512.GreaterThan(count, Vector512<float>.Zero).AsInt32() & known.AsInt32();
            RowSketches.Compress((mass / weight).AsInt32(), some, (int*)runUnits + found);
            RowSketches.Compress(Vector512.Load(ends + j), some, runEnds + found);
            found += System.Numerics.BitOperations.PopCount(some.ExtractMostSignificantBits());
        }
        runs = found;
        return Vector512.Sum(total);
    }

    /// <summary>less[i] = what a unit of ω weighs in the cluster of selected key i; writable up to a whole vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Spread(int* runEnds, float* runUnits, int runs, float* less)
    {
        int start = 0;
        for (int j = 0; j < runs; j++)
        {
            Vector512<float> unit = Vector512.Create(runUnits[j]);
            int end = runEnds[j];
            for (int i = start; i < end; i += 16)
            {
                unit.Store(less + i);
            }
            start = end;
        }
    }

    /// <summary>
    /// Turns selected keys' logits into weights e^logit − less, which are summed, times the scales of their values; behind the end up
    /// to a whole vector they become 0.
    /// </summary>
    /// <param name="logits">Logits; become weights.</param>
    /// <param name="less">What each takes from its cluster.</param>
    /// <param name="scales">Two floats a selected key, of which the second is its value's scale.</param>
    /// <param name="count">Number of selected keys.</param>
    /// <returns>Sum of the weights without scales.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Weigh(float* logits, float* less, float* scales, int count)
    {
        Vector512<float> total = default;
        for (int i = 0; i < count; i += 16)
        {
            Vector512<float> present = Present(count - i);
            Vector512<float> weight = (Kernel512.Exp(Vector512.Load(logits + i)) - Vector512.Load(less + i)) & present;
            total += weight;
            (weight * Odd(scales + 2 * i) & present).Store(logits + i);
        }
        return Vector512.Sum(total);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Present(int count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    /// <summary>Every second of 32 floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Odd(float* pairs)
    {
        if (Avx512F.IsSupported)
        {
            Vector512<int> odd = Vector512<int>.Indices * 2 + Vector512<int>.One;
            return Avx512F.PermuteVar16x32x2(Vector512.Load(pairs), odd, Vector512.Load(pairs + 16));
        }
        Vector512<float> lanes = default;
        for (int i = 0; i < 16; i++)
        {
            lanes = lanes.WithElement(i, pairs[2 * i + 1]);
        }
        return lanes;
    }
}
