using CsCheck;
using Prescore.Attention.Clustered;

namespace Prescore.Tests.Attention.Clustered;

public class EffortControlTests
{
    private const int FirstHead = 6;

    private const int Heads = 3;

    private static readonly ClusteredOptions Options = new() { BlockSize = 16, TargetError = 0.2, ProbeDecay = 0.7, LargestEffort = 24 };

    [Fact]
    public void Choice_equals_a_naive_one_whatever_the_order_within_a_block() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Double[0.05, 1], Gen.Double[0.1, 1]).Sample((seed, target, decay) =>
        {
            ClusteredOptions options = Options with { TargetError = target, ProbeDecay = decay };
            var random = new Random(seed);
            List<ProbeRecord> records = Records(random, blocks: 12);
            var control = new EffortControl(FirstHead, Heads, options);
            for (int block = 0; block < 12; block++)
            {
                ProbeRecord[] shuffled = [.. records.Where(record => record.Position / 16 == block)];
                random.Shuffle(shuffled);
                // The block chooses before its own probes are known; and it may be asked again.
                int[] expected = Naive(records, options, block * 16);
                control.Choose(block * 16).ShouldBe(expected);
                foreach (ProbeRecord record in shuffled)
                {
                    control.Add(record);
                }
                control.Choose(block * 16).ShouldBe(expected);
            }
            control.Choose(12 * 16).ShouldBe(Naive(records, options, 12 * 16));
            int length = random.Next(12 * 16);
            control.Rewind(length);
            ProbeRecord[] left = [.. records.Where(record => record.Position < length)];
            control.Records.ShouldBe(left, ignoreOrder: true);
            foreach (ProbeRecord record in records.Where(record => record.Position >= length))
            {
                control.Add(record);
            }
            control.Choose(12 * 16).ShouldBe(Naive(records, options, 12 * 16));
        }, iter: 100);

    [Fact]
    public void Without_records_or_with_errors_above_the_target_a_head_is_exact()
    {
        var control = new EffortControl(0, 2, Options);
        control.Choose(64).ShouldBe([EffortLadder.Exact, EffortLadder.Exact]);
        int steps = EffortLadder.Count(Options.LargestEffort);
        control.Add(new ProbeRecord(70, 0, [.. Enumerable.Repeat(1f, steps)], 1, 0, 0));
        control.Add(new ProbeRecord(70, 1, [.. Enumerable.Range(0, steps).Select(step => step == steps - 1 ? 0.03f : 1)], 1, 0, 0));
        control.Choose(80).ShouldBe([EffortLadder.Exact, 24]);
        control.Rewind(71);
        control.Choose(80).ShouldBe([EffortLadder.Exact, 24]);
        control.Rewind(70);
        control.Choose(80).ShouldBe([EffortLadder.Exact, EffortLadder.Exact]);
    }

    /// <summary>A later block has more clusters than the step.</summary>
    [Fact]
    public void A_step_that_visited_every_cluster_means_exact()
    {
        int steps = EffortLadder.Count(Options.LargestEffort);
        foreach (double target in new[] { 0, 0.2 })
        {
            var control = new EffortControl(0, 1, target > 0 ? Options : Options with { TargetError = null, Budget = 0.5 });
            control.Add(new ProbeRecord(20, 0, [.. Enumerable.Range(0, steps).Select(step => step < 6 ? 0.5f : 0)], 1, 0, 0));
            control.Choose(32).ShouldBe([EffortLadder.Exact]);
        }
    }

    [Fact]
    public void Steps_of_the_ladder_are_those_at_most_its_largest()
    {
        EffortLadder.Steps.ToArray().ShouldBeInOrder();
        foreach ((int largest, int count) in new[] { (0, 1), (1, 2), (5, 5), (6, 6), (512, 25), (int.MaxValue, 25) })
        {
            EffortLadder.Count(largest).ShouldBe(count);
        }
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
                // Half as often from 128 blocks on, and again from 256.
                int spacing = b < 128 ? every : b < 256 ? 2 * every : 4 * every;
                bool due = b * block - near > 4 && b % spacing == 1 % spacing;
                positions.Length.ShouldBe(due ? Math.Min(probes, block) : 0);
                positions.ShouldAllBe(position => position / block == b);
                int[] gaps = [.. positions.Zip(positions.Skip(1), (first, second) => second - first)];
                (gaps.Length == 0 ? 0 : gaps.Max() - gaps.Min()).ShouldBeLessThanOrEqualTo(1);
            }
        }, iter: 50);

    private static int[] Naive(List<ProbeRecord> records, ClusteredOptions options, int blockStart)
    {
        var blocks = records.Where(record => record.Position < blockStart).GroupBy(record => record.Position / 16).OrderBy(block => block.Key).ToList();
        return [.. Enumerable.Range(0, Heads).Select(head =>
        {
            double Pool(Func<ProbeRecord, double> part) =>
                blocks.Select((block, i) => Math.Pow(options.ProbeDecay, blocks.Count - 1 - i) * block.Where(record => record.Head == FirstHead + head).Sum(part)).Sum();

            double norm = Pool(record => record.SquaredNorm);
            for (int step = 0; step < EffortLadder.Count(options.LargestEffort) && norm > 0; step++)
            {
                if (Math.Sqrt(Pool(record => record.SquaredErrors[step]) / norm) <= options.TargetError)
                {
                    return EffortLadder.Steps[step];
                }
            }
            return EffortLadder.Exact;
        })];
    }

    private static List<ProbeRecord> Records(Random random, int blocks)
    {
        var records = new List<ProbeRecord>();
        int steps = EffortLadder.Count(Options.LargestEffort);
        for (int block = 0; block < blocks; block++)
        {
            for (int probe = 0; probe < 3 && block % 3 == 1; probe++)
            {
                for (int head = 0; head < Heads; head++)
                {
                    // Errors fall with p.
                    float first = random.NextSingle();
                    float[] errors = [.. Enumerable.Range(0, steps).Select(step => first / (1 + step * step * 0.3f * random.NextSingle()))];
                    records.Add(new ProbeRecord(block * 16 + 5 * probe, FirstHead + head, errors, head == 2 && block < 5 ? 0 : 0.5 + random.NextDouble(), 0, errors[1]));
                }
            }
        }
        return records;
    }
}
