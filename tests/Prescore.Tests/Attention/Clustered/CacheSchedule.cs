using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>
/// One random way of bringing the same tokens into a cache: pieces, blocks and single tokens, with tokens in between that
/// are forgotten again. Whatever the way, the bits are those of one prefill.
/// </summary>
internal static class CacheSchedule
{
    /// <summary>Runs schedule <paramref name="seed"/> and compares it with one prefill and with a call without cache.</summary>
    public static void Check(int seed) => Run(seed);

    /// <summary>The same; returns how many pairs were screened.</summary>
    public static long Run(int seed)
    {
        var random = new Random(seed);
        ClusteredOptions options = RandomOptions(random);
        int group = random.Next(1, 3), keyValueHeads = random.Next(1, 3), d = random.Next(2) == 0 ? 8 : 16;
        int length = random.Next(4) == 0 ? random.Next(1, 40) : random.Next(40, 301);
        AttentionShape shape = AttentionTensors.ShapeOf(length, length, group * keyValueHeads, keyValueHeads, d, valueDimension: random.Next(2) == 0 ? d : 5);
        AttentionTensors tensors = MixtureTensors.Create(shape, seed: seed % 16);
        AttentionTensors others = MixtureTensors.Create(shape, seed: 99);
        var run = new AttentionOptions { Threads = random.Next(1, 3), Seed = 3, Layer = 1 };
        var method = new ClusteredAttention(options);

        using var whole = new CacheRun(method, tensors, run);
        whole.Append(tensors, length);
        if (options.Budget is not double budget || budget >= method.BudgetFloor(length))
        {
            AttentionReport report = tensors.Run(method, run);
            whole.Output.ShouldBe(AttentionTensors.RowsFirst(tensors.Output, shape.QueryHeads, length, shape.ValueDimension));
            (whole.Interactions, whole.Screened).ShouldBe((report.Interactions, report.Screened));
            whole.Certificates.ShouldBe(report.Certificates);
        }

        using var cut = new CacheRun(method, tensors, run);
        bool forgotten = Advance(cut, tensors, others, options.BlockSize, random);
        cut.Output.AsSpan().SequenceEqual(whole.Output).ShouldBeTrue($"schedule {seed}");
        if (!forgotten)
        {
            (cut.Interactions, cut.Screened).ShouldBe((whole.Interactions, whole.Screened));
        }
        CompareCertificates(whole, cut, forgotten, $"schedule {seed}");
        int shorter = random.Next(0, length + 1);
        cut.Rewind(shorter);
        using var fresh = new CacheRun(method, tensors, run);
        if (shorter > 0)
        {
            fresh.Append(tensors, shorter);
        }
        CompareCertificates(fresh, cut, forgotten: true, $"schedule {seed} rewound to {shorter}");
        return whole.Screened;
    }

    /// <summary>Work that was done stays counted when its tokens are forgotten; all else is as if they had never been.</summary>
    private static void CompareCertificates(CacheRun expected, CacheRun actual, bool forgotten, string where)
    {
        HeadCertificate[] certificates = [.. expected.Certificates.Zip(actual.Certificates, (c, now) => forgotten
            ? c with { Interactions = now.Interactions, Screened = now.Screened, ExactInteractions = now.ExactInteractions }
            : c)];
        actual.Certificates.ShouldBe(certificates, where);
    }

    private static ClusteredOptions RandomOptions(Random random) => new()
    {
        BlockSize = random.Next(2) == 0 ? 16 : 32,
        Near = new[] { 0, 8, 20, 50 }[random.Next(4)],
        TargetError = new[] { 0.1, 0.3, 0.6 }[random.Next(3)],
        Budget = random.Next(4) == 0 ? 0.75 : null,
        ClusterFactor = 1 + random.Next(2),
        Probes = random.Next(1, 5),
        ProbeSpacing = random.Next(1, 4),
        RefitGrowth = random.Next(2) == 0 ? 1.1 : 1.5,
        FirstSegment = new[] { 1, 60, 150, 4096 }[random.Next(4)],
        FitSteps = random.Next(0, 4),
        SketchRank = 4 * random.Next(1, 9),
    };

    /// <summary>Appends all tokens in random pieces; says whether some were forgotten on the way.</summary>
    private static bool Advance(CacheRun cache, AttentionTensors tensors, AttentionTensors others, int block, Random random)
    {
        bool forgotten = false;
        int length = tensors.Shape.Keys;
        while (cache.Length < length)
        {
            int rest = length - cache.Length;
            switch (random.Next(8))
            {
                case 0:
                    cache.Append(tensors, random.Next(1, rest + 1));
                    break;
                case 1:
                case 2:
                    cache.Append(tensors, Math.Min(rest, block - cache.Length % block));
                    break;
                case 3:
                case 4:
                    for (int i = random.Next(1, Math.Min(block, rest) + 1); i > 0; i--)
                    {
                        cache.Append(tensors, 1);
                    }
                    break;
                case 5:
                    cache.Append(tensors, Math.Min(rest, random.Next(1, 2 * block)));
                    break;
                case 6:
                    cache.Rewind(random.Next(3) == 0 ? cache.Length / block * block : random.Next(0, cache.Length + 1));
                    forgotten = true;
                    break;
                default:
                    // Tokens that are not the wanted ones.
                    int known = cache.Length;
                    cache.Append(others, random.Next(1, Math.Min(rest, 3 * block) + 1));
                    cache.Rewind(known);
                    forgotten = true;
                    break;
            }
        }
        return forgotten;
    }
}
