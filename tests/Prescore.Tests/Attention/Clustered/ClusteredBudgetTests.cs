using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;

namespace Prescore.Tests.Attention.Clustered;

public class ClusteredBudgetTests
{
    private static readonly ClusteredOptions Small = new() { BlockSize = 32, Near = 8, Probes = 2, ProbeSpacing = 4, ClusterFactor = 1, RefitGrowth = 1.2, FirstSegment = 200 };

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    /// <summary>The caps are the oracle's, and so is every interaction that is reported.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle(SimdPath path)
    {
        AttentionTensors causal = MixtureTensors.Create(AttentionTensors.ShapeOf(900, 1000, queryHeads: 3));
        AttentionTensors whole = MixtureTensors.Create(AttentionTensors.ShapeOf(300, 700, queryHeads: 4, keyValueHeads: 2), causal: false);
        foreach (double budget in new[] { 0.3, 0.5, 0.9 })
        {
            foreach (double? target in new double?[] { null, 0.2 })
            {
                ClusteredOptions options = Small with { Budget = budget, TargetError = target };
                ClusteredOracleTests.Check(causal, options, path);
                ClusteredOracleTests.Check(whole, options, path);
            }
        }
    }

    [Fact]
    public void A_block_keeps_the_budget_as_far_as_near_part_centroids_and_probes_allow()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1000, 1000, dimension: 64));
        foreach (double budget in new[] { 0.3, 0.6 })
        {
            // Sketches so short that reading them leaves most of the budget.
            ClusteredOptions options = Small with { Budget = budget, SketchRank = 8 };
            int keeping = 0, screening = 0;
            using var cache = new CacheRun(new ClusteredAttention(options), tensors, AttentionOptions.Default);
            ClusteredLayer layer = ((ClusteredKeyValueCache)cache.Cache).Layer;
            for (int block = 0; cache.Length < 1000; block++)
            {
                int start = cache.Length, count = Math.Min(32, 1000 - start);
                AttentionReport report = cache.Append(tensors, count);
                int clusters = layer.Heads[0].Index.Clusters;
                double floor = 2.0 * Enumerable.Range(start, count).Sum(t =>
                    ProbeSchedule.IsProbe(options, t) ? t + 1 + clusters : Math.Min(t + 1, 4 + t + 1 - Math.Max(4, start - 8)) + clusters);
                if (count == 32 && floor <= budget * report.ExactInteractions)
                {
                    report.Budget.ShouldBeLessThanOrEqualTo(budget, $"block {block}");
                    keeping++;
                    // Nearly all of what is left is used: but for ties, members are as many as the cap allows.
                    screening += report.Budget > 0.9 * budget ? 1 : 0;
                }
                else
                {
                    report.Interactions.ShouldBeLessThanOrEqualTo((long)Math.Ceiling(Math.Max(floor, budget * report.ExactInteractions) * 1.1));
                }
            }
            keeping.ShouldBeGreaterThan(18);
            screening.ShouldBeGreaterThan(keeping * 2 / 3);
        }
    }

    /// <summary>Whatever the sizes, a block above the floor keeps its budget.</summary>
    [Fact]
    public void Every_block_keeps_the_budget_that_it_can_keep()
    {
        int capped = 0, screening = 0;
        Gen.Select(Gen.Double[0.1, 0.95], Gen.Int[0, 40], Gen.Int[1, 16], Gen.Double[0.02, 0.5], Gen.Int[0, 1000]).Sample((budget, near, quads, target, seed) =>
        {
            AttentionTensors tensors = MixtureTensors.Create(
                AttentionTensors.ShapeOf(400, 400, queryHeads: 1 + seed % 3, dimension: 8 + seed % 30), seed: seed, sharpness: 1 + seed % 4);
            var options = Small with { Budget = budget, TargetError = seed % 2 == 0 ? target : null, Near = near, SketchRank = 4 * quads, Probes = 1 + seed % 4 };
            using var cache = new CacheRun(new ClusteredAttention(options), tensors, AttentionOptions.Default);
            ClusteredLayer layer = ((ClusteredKeyValueCache)cache.Cache).Layer;
            while (cache.Length + 32 <= 400)
            {
                int start = cache.Length;
                AttentionReport report = cache.Append(tensors, 32);
                int clusters = layer.Heads[0].Index.Clusters;
                double floor = (1 + seed % 3) * (double)Enumerable.Range(start, 32).Sum(t =>
                    ProbeSchedule.IsProbe(options, t) ? t + 1 + clusters : Math.Min(t + 1, 4 + t + 1 - Math.Max(4, start - near)) + clusters);
                report.Interactions.ShouldBeLessThanOrEqualTo((long)Math.Max(floor, budget * report.ExactInteractions), $"block from {start}");
                capped += floor <= budget * report.ExactInteractions ? 1 : 0;
                screening += report.Screened > 0 ? 1 : 0;
            }
        }, iter: 40, threads: 1);
        capped.ShouldBeGreaterThan(50);
        screening.ShouldBeGreaterThan(20);
    }

    /// <summary>A budget that is not enough for reading the sketches leaves the clusters alone.</summary>
    [Fact]
    public void Where_screening_takes_the_whole_budget_nothing_is_screened()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1000, 1000, dimension: 8));
        // Sketches as long as half of key and value.
        AttentionReport report = tensors.Run(new ClusteredAttention(Small with { Budget = 0.4, SketchRank = 32 }));
        report.Screened.ShouldBe(0);
        report.Budget.ShouldBeLessThanOrEqualTo(0.4);
        report.Certificates!.ShouldAllBe(c => c.UnmetBlocks == c.Blocks && c.Screened == 0);
    }

    /// <summary>A cache does not know its last length: it takes any budget, spends the least it can and says so.</summary>
    [Fact]
    public void A_cache_takes_a_budget_below_the_floor_and_reports_it_as_unmet()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(500, 500));
        var method = new ClusteredAttention(Small with { Budget = 0.01 });
        Should.Throw<BudgetException>(() => tensors.Run(method));
        using var cache = new CacheRun(method, tensors, AttentionOptions.Default);
        cache.Append(tensors, 500);
        cache.Output.ShouldNotContain(float.NaN);
        (cache.Interactions / (2 * 500.0 * 501 / 2)).ShouldBeInRange(method.BudgetFloor(500) * 0.95, method.BudgetFloor(500) * 1.05);
        cache.Certificates.ShouldAllBe(c => c.UnmetBlocks == c.Blocks && c.Screened == 0 && c.Share == null);
    }

    [Fact]
    public void A_budget_below_the_floor_is_refused_and_the_floor_is_named()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(500, 500));
        var method = new ClusteredAttention(Small with { Budget = 0.05 });
        BudgetException error = Should.Throw<BudgetException>(() => tensors.Run(method));
        error.Budget.ShouldBe(0.05);
        double floor = Floor(Small, 500);
        error.Floor.ShouldBe(floor, 1e-12);
        method.BudgetFloor(500).ShouldBe(floor, 1e-12);
        error.Message.ShouldContain("0.05");
        error.Message.ShouldContain((Math.Ceiling(floor * 10000) / 10000).ToString(System.Globalization.CultureInfo.InvariantCulture));
        // What it names is enough.
        tensors.Run(new ClusteredAttention(Small with { Budget = Math.Ceiling(floor * 10000) / 10000 })).Budget.ShouldBeLessThan(1);
        AttentionTensors whole = MixtureTensors.Create(AttentionTensors.ShapeOf(50, 500), causal: false);
        Should.Throw<BudgetException>(() => whole.Run(new ClusteredAttention(Small with { Budget = 0.04 }))).Floor.ShouldBe(23.0 / 500, 1e-12);
    }

    [Fact]
    public void Blocks_that_the_budget_kept_from_the_target_are_counted()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1000, 1000));
        IReadOnlyList<HeadCertificate> Run(double? budget, double target) =>
            tensors.Run(new ClusteredAttention(Small with { Budget = budget, TargetError = target })).Certificates!;

        Run(null, 0.05).ShouldAllBe(c => c.UnmetBlocks == 0);
        Run(0.3, 0.05).ShouldAllBe(c => c.UnmetBlocks > c.Blocks / 2 && c.UnmetBlocks <= c.Blocks && c.Budget < 0.4);
        // A target that asks for less than there is does not meet the cap once something has been measured.
        Run(0.9, 1).ShouldAllBe(c => c.UnmetBlocks <= 4);
    }

    private static double Floor(ClusteredOptions options, int tokens)
    {
        double floor = 0, exact = 0;
        for (int t = 0; t < tokens; t++)
        {
            int start = t / options.BlockSize * options.BlockSize;
            int nearStart = Math.Max(4, start - options.Near);
            int clusters = options.AllClusters(nearStart - 4);
            int near = Enumerable.Range(0, t + 1).Count(key => key < 4 || key >= nearStart);
            floor += ProbeSchedule.IsProbe(options, t) ? t + 1 + clusters : Math.Min(t + 1, near + clusters);
            exact += t + 1;
        }
        return floor / exact;
    }
}
