using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention.Clustered;

public class ThresholdControlTests
{
    private const int FirstHead = 6;

    private const int Heads = 3;

    private const int Far = 1000;

    /// <summary>Steps are chosen against 0.6 of the target: an error of 0.2, a squared one of 0.04.</summary>
    private static readonly ClusteredOptions Options = new() { BlockSize = 16, TargetError = 0.2 / 0.6, ProbeDecay = 0.7 };

    [Fact]
    public void Choice_equals_a_naive_one_whatever_the_order_within_a_block() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Double[0.05, 1], Gen.Double[0.1, 1], Gen.Int[0, 48]).Sample((seed, target, decay, largest) =>
        {
            ClusteredOptions options = Options with { TargetError = target, ProbeDecay = decay, LastThreshold = largest };
            var random = new Random(seed);
            List<ProbeRecord> records = Records(random, blocks: 12);
            var control = new ThresholdControl(FirstHead, Heads, options);
            for (int block = 0; block < 12; block++)
            {
                ProbeRecord[] shuffled = [.. records.Where(record => record.Position / 16 == block)];
                random.Shuffle(shuffled);
                // The block chooses before its own probes are known; and it may be asked again.
                int[] expected = Naive(records, options, block * 16);
                control.Choose(block * 16, Far, 30).ShouldBe(expected);
                foreach (ProbeRecord record in shuffled)
                {
                    control.Add(record);
                }
                control.Choose(block * 16, Far, 30).ShouldBe(expected);
            }
            control.Choose(12 * 16, Far, 30).ShouldBe(Naive(records, options, 12 * 16));
            int length = random.Next(12 * 16);
            control.Rewind(length);
            ProbeRecord[] left = [.. records.Where(record => record.Position < length)];
            control.Records.ShouldBe(left, ignoreOrder: true);
            foreach (ProbeRecord record in records.Where(record => record.Position >= length))
            {
                control.Add(record);
            }
            control.Choose(12 * 16, Far, 30).ShouldBe(Naive(records, options, 12 * 16));
        }, iter: 100);

    [Fact]
    public void Without_records_or_with_errors_above_the_target_a_head_is_exact()
    {
        var control = new ThresholdControl(0, 2, Options);
        control.Choose(64, Far, 30).ShouldBe([Thresholds.Exact, Thresholds.Exact]);
        control.Add(Record(70, 0, _ => 1, _ => 0));
        control.Add(Record(70, 1, step => step == 48 ? 0.03 : 1, _ => 0));
        control.Choose(80, Far, 30).ShouldBe([Thresholds.Exact, 48]);
        control.Rewind(71);
        control.Choose(80, Far, 30).ShouldBe([Thresholds.Exact, 48]);
        control.Rewind(70);
        control.Choose(80, Far, 30).ShouldBe([Thresholds.Exact, Thresholds.Exact]);
    }

    /// <summary>By the share of members that the probes had, whatever the number of far keys then was.</summary>
    [Theory]
    [InlineData(400, 199, 5)]
    [InlineData(400, 200, Thresholds.Exact)]
    [InlineData(400, 201, Thresholds.Exact)]
    [InlineData(499, 0, 5)]
    [InlineData(499, 2, Thresholds.Exact)]
    [InlineData(500, 0, Thresholds.Exact)]
    [InlineData(0, 999, 5)]
    [InlineData(0, 1000, Thresholds.Exact)]
    public void A_step_whose_members_twice_and_clusters_come_to_all_far_keys_is_exact(int members, int clusters, int expected)
    {
        foreach (int scale in new[] { 1, 2 })
        {
            var control = new ThresholdControl(0, 1, Options);
            // Two probes with one and the other half of the members.
            control.Add(Record(20, 0, step => step < 5 ? 1 : 0.01, step => step < 5 ? 0 : members / 2, Far / 2));
            control.Add(Record(21, 0, step => step < 5 ? 1 : 0.01, step => step < 5 ? 0 : members - members / 2, Far - Far / 2));
            control.Choose(32, Far / scale, clusters / scale).ShouldBe([expected]);
        }
    }

    /// <summary>A dearer step is never tried: it costs more and the first within the target is too dear already.</summary>
    [Fact]
    public void The_first_step_within_the_target_decides_and_0_members_are_a_step()
    {
        foreach (int first in new[] { 0, 1, 30, 48 })
        {
            var control = new ThresholdControl(0, 1, Options);
            control.Add(Record(20, 0, step => step < first ? 0.0401 : 0.04, step => step));
            control.Choose(32, Far, 30).ShouldBe([first]);
        }
    }

    /// <summary>With a budget alone the target is 0: only an error of 0 is good enough.</summary>
    [Fact]
    public void Without_a_target_but_with_a_budget_heads_are_exact()
    {
        ClusteredOptions options = Options with { TargetError = null, Budget = 0.5 };
        var control = new ThresholdControl(0, 2, options);
        control.Add(Record(20, 0, _ => 1e-12, _ => 1));
        control.Add(Record(20, 1, step => step < 4 ? 1e-12 : 0, _ => 1));
        control.Choose(32, Far, 30).ShouldBe([Thresholds.Exact, 4]);
    }

    [Fact]
    public void Later_probe_blocks_count_more()
    {
        var control = new ThresholdControl(0, 1, Options with { ProbeDecay = 0.5 });
        // Pooled with weights 1/4, 1/2 and 1: (0.25 · 0.1 + 0.5 · 0 + e) / 1.75 ≤ 0.04 up to e = 0.045.
        control.Add(Record(20, 0, _ => 0.1, _ => 0));
        control.Add(Record(40, 0, _ => 0, _ => 0));
        control.Add(Record(100, 0, step => step < 3 ? 0.0451 : 0.0449, _ => 0));
        control.Choose(112, Far, 30).ShouldBe([3]);
    }

    [Fact]
    public void Shares_of_the_ladder_fall_by_the_cube_root_of_2()
    {
        Thresholds.Count.ShouldBe(49);
        Thresholds.Share(0).ShouldBe(double.PositiveInfinity);
        Thresholds.Share(Thresholds.Exact).ShouldBe(0);
        Thresholds.Share(1).ShouldBe(0.25, 1e-15);
        Thresholds.Share(4).ShouldBe(0.125, 1e-15);
        for (int step = 1; step < Thresholds.Count; step++)
        {
            Thresholds.Share(step).ShouldBe(NaiveThreshold.Share(step), 1e-12 * NaiveThreshold.Share(step));
            Thresholds.LogShare(step).ShouldBe(Math.Log(NaiveThreshold.Share(step)), 1e-12);
        }
        Thresholds.Share(48).ShouldBe(5e-6, 1e-6);
    }

    [Fact]
    public void The_step_of_a_share_is_the_first_that_comes_down_to_it()
    {
        Thresholds.StepOf(1).ShouldBe(1);
        Thresholds.StepOf(0.25).ShouldBe(1);
        Thresholds.StepOf(0.2499).ShouldBe(2);
        Thresholds.StepOf(0.125).ShouldBe(4);
        Thresholds.StepOf(1e-9).ShouldBe(48);
        Thresholds.StepOf(double.PositiveInfinity).ShouldBe(1);
        Gen.Double[-18, 0].Sample(power =>
        {
            double share = Math.Pow(2, power);
            int step = Thresholds.StepOf(share);
            (step == 48 || Thresholds.Share(step) <= share * (1 + 1e-12)).ShouldBeTrue();
            (step == 1 || Thresholds.Share(step - 1) > share * (1 - 1e-12)).ShouldBeTrue();
        });
    }

    [Fact]
    public void Probe_positions_lie_evenly_in_every_few_blocks() =>
        Gen.Select(Gen.Int[16, 100], Gen.Int[0, 200], Gen.Int[1, 40], Gen.Int[1, 6]).Sample((block, near, probes, every) =>
        {
            var options = new ClusteredOptions { BlockSize = block, Near = near, Probes = probes, ProbeSpacing = every };
            int[] all = [.. Enumerable.Range(0, 20).SelectMany(b => ProbeSchedule.Positions(options, b))];
            all.ShouldBe(Enumerable.Range(0, 20 * block).Where(position => ProbeSchedule.IsProbe(options, position)));
            for (int b = 0; b < 300; b++)
            {
                int[] positions = ProbeSchedule.Positions(options, b);
                // Half as often from 32 blocks on, and again from 64, 128 and 256; but twice at least while the length doubles.
                int spacing = b < 32 ? every : b < 64 ? 2 * every : b < 128 ? 4 * every : b < 256 ? 8 * every : 16 * every;
                spacing = Math.Min(spacing, b < 4 ? 1 : b < 8 ? 2 : b < 16 ? 4 : b < 32 ? 8 : b < 64 ? 16 : b < 128 ? 32 : b < 256 ? 64 : 128);
                bool due = b * block - near > 4 && b % spacing == 1 % spacing;
                positions.Length.ShouldBe(due ? Math.Min(probes, block) : 0);
                positions.ShouldAllBe(position => position / block == b);
                if (due)
                {
                    // With its predecessors it covers what has a far part, and no block twice.
                    int covered = Enumerable.Range(0, b + 1).Where(i => ProbeSchedule.IsProbeBlock(options, i)).Sum(i => ProbeSchedule.BlocksOf(options, i));
                    covered.ShouldBe(Enumerable.Range(0, b + 1).Count(i => i * block - near > 4));
                }
                int[] gaps = [.. positions.Zip(positions.Skip(1), (first, second) => second - first)];
                (gaps.Length == 0 ? 0 : gaps.Max() - gaps.Min()).ShouldBeLessThanOrEqualTo(1);
            }
        }, iter: 50);

    /// <summary>The spacing doubles with the length: as an int it would overflow, to 0 even, by which nothing can be divided.</summary>
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1 << 30)]
    [InlineData((1 << 30) + 1)]
    public void However_wide_the_spacing_there_are_two_probe_blocks_while_the_length_doubles(int every)
    {
        var options = new ClusteredOptions { BlockSize = 16, Near = 0, ProbeSpacing = every };
        int[] probed = [.. Enumerable.Range(0, 300).Where(b => ProbeSchedule.IsProbeBlock(options, b))];
        probed.ShouldBe([1, 2, 3, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257]);
    }

    [Theory]
    [InlineData(499, Thresholds.Exact)]
    [InlineData(500, 5)]
    [InlineData(4000, 5)]
    public void Probes_of_fewer_than_half_the_far_keys_are_no_evidence(int probed, int expected)
    {
        var control = new ThresholdControl(0, 1, Options);
        control.Add(Record(20, 0, step => step < 5 ? 1 : 0.01, _ => 0, far: probed));
        control.Choose(32, Far, 30).ShouldBe([expected]);
        // Nor are those of a block that is not yet over, or was rewound.
        control.Add(Record(40, 0, step => step < 5 ? 1 : 0.01, _ => 0, far: Far));
        control.Choose(32, Far, 30).ShouldBe([expected]);
        control.Choose(48, Far, 30).ShouldBe([5]);
        control.Rewind(40);
        control.Choose(48, Far, 30).ShouldBe([expected]);
    }

    private static int[] Naive(List<ProbeRecord> records, ClusteredOptions options, int blockStart) =>
        [.. Enumerable.Range(FirstHead, Heads).Select(head => NaiveThreshold.Choose(records, options, head, blockStart, Far, 30))];

    private static ProbeRecord Record(int position, int head, Func<int, double> error, Func<int, int> members, int far = Far) => new(
        position,
        head,
        [.. Enumerable.Range(0, Thresholds.Count).Select(step => (float)error(step))],
        [.. Enumerable.Range(0, Thresholds.Count).Select(members)],
        far,
        SquaredNorm: 1,
        Blocks: 1,
        ThresholdInUse: 0);

    private static List<ProbeRecord> Records(Random random, int blocks)
    {
        var records = new List<ProbeRecord>();
        for (int block = 0; block < blocks; block++)
        {
            for (int probe = 0; probe < 3 && block % 3 == 1; probe++)
            {
                for (int head = 0; head < Heads; head++)
                {
                    // Errors fall from step to step, members rise.
                    float first = random.NextSingle();
                    int far = 200 * (block + 1);
                    records.Add(Record(
                        block * 16 + 5 * probe,
                        FirstHead + head,
                        step => first / (1 + step * step * 0.3f * random.NextSingle()),
                        step => Math.Min(far, step * step * random.Next(3) / 4),
                        far) with
                    { SquaredNorm = head == 2 && block < 5 ? 0 : 0.5 + random.NextDouble() });
                }
            }
        }
        return records;
    }
}
