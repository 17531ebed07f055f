using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Kernels;

namespace Prescore.Tests.Attention;

public class ExactAttentionTests
{
    private static readonly ExactAttention Exact = new();

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle_over_odd_shapes(SimdPath path)
    {
        int[] sizes = [1, 5, 63, 65, 129, 257];
        foreach (int keys in sizes)
        {
            foreach (int queries in sizes)
            {
                foreach (bool causal in queries <= keys ? new[] { false, true } : [false])
                {
                    Check(AttentionTensors.ShapeOf(queries, keys, queryHeads: 3, keyValueHeads: 1, dimension: 7, valueDimension: 5), causal, path);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle_on_head_sizes_batches_and_groups(SimdPath path)
    {
        foreach (int dimension in new[] { 1, 8, 16, 33, 64, 80, 128 })
        {
            Check(AttentionTensors.ShapeOf(70, 150, queryHeads: 4, keyValueHeads: 2, dimension: dimension, batch: 2), causal: true, path);
        }
        Check(AttentionTensors.ShapeOf(200, 1000, queryHeads: 1, dimension: 64), causal: true, path);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Large_logits_keep_their_precision(SimdPath path) =>
        Check(AttentionTensors.ShapeOf(100, 300, dimension: 64), causal: true, path, magnitude: 4);

    [Theory]
    [MemberData(nameof(Paths))]
    public void Log_weights_shift_logits_and_remove_keys(SimdPath path)
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(150, 300, queryHeads: 4, keyValueHeads: 2), causal: true);
        var random = new Random(5);
        // Every query of the first head loses the first 160 keys: its first ten see none.
        tensors.KeyLogWeights = [.. Enumerable.Range(0, 600).Select(i =>
            i < 160 || random.Next(4) == 0 ? float.NegativeInfinity : (float)random.NextDouble() * 3)];
        tensors.Run(Exact, new AttentionOptions { Simd = path });
        NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
        tensors.LogSumExpOf(0, 0, 0).ShouldBe(float.NegativeInfinity);
        tensors.OutputRow(0, 0, 0).ToArray().ShouldAllBe(x => x == 0);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Bits_do_not_depend_on_threads_or_on_how_the_prompt_is_cut(SimdPath path)
    {
        var whole = new AttentionTensors(AttentionTensors.ShapeOf(301, 301, queryHeads: 3, dimension: 24), causal: true);
        whole.Run(Exact, new AttentionOptions { Simd = path, Threads = 1 });
        float[] once = whole.Output;
        whole.Poison();
        whole.Run(Exact, new AttentionOptions { Simd = path, Threads = 5 });
        whole.Output.ShouldBe(once);
        foreach ((int first, int count) in new[] { (0, 1), (1, 99), (100, 201), (300, 1) })
        {
            var part = new float[3 * count * 24];
            Exact.Compute(
                Piece(whole, first, count), new AttentionOutput { Output = part }, new AttentionOptions { Simd = path });
            for (int head = 0; head < 3; head++)
            {
                part.AsSpan(head * count * 24, count * 24).SequenceEqual(once.AsSpan((head * 301 + first) * 24, count * 24))
                    .ShouldBeTrue($"piece {first}+{count}, head {head}");
            }
        }
    }

    [Fact]
    public void No_queries_or_no_keys_is_no_work()
    {
        new AttentionTensors(AttentionTensors.ShapeOf(0, 4), causal: false).Run(Exact).Interactions.ShouldBe(0);
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(3, 0), causal: false);
        tensors.Run(Exact).Budget.ShouldBe(1);
        NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
    }

    [Theory]
    [InlineData("queries")]
    [InlineData("keys")]
    [InlineData("values")]
    public void Values_that_are_not_finite_are_named(string tensor)
    {
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(9, 20, queryHeads: 4, keyValueHeads: 4, dimension: 12), causal: false);
            (float[] data, int rows) = tensor switch
            {
                "queries" => (tensors.Queries, 9),
                "keys" => (tensors.Keys, 20),
                _ => (tensors.Values, 20),
            };
            data[(2 * rows + 7) * 12 + 11] = bad;
            NonFiniteException error = Should.Throw<NonFiniteException>(() => tensors.Run(Exact));
            (error.Tensor, error.Head, error.Row).ShouldBe((tensor, 2, 7));
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var shape = AttentionTensors.ShapeOf(4, 8);
        Should.Throw<ArgumentException>(() => new AttentionTensors(shape with { QueryHeads = 3, KeyValueHeads = 2 }, false).Run(Exact));
        Should.Throw<ArgumentException>(() => new AttentionTensors(AttentionTensors.ShapeOf(9, 8), causal: true).Run(Exact)).Message.ShouldContain("at least as many keys");
        Should.Throw<ArgumentException>(() => Exact.Compute(
            new AttentionInput { Shape = shape, Queries = new float[10], Keys = new float[1000], Values = new float[1000] },
            new AttentionOutput { Output = new float[1000] },
            AttentionOptions.Default)).Message.ShouldContain("queries");
    }

    [Fact]
    public void Strided_rows_first_tensors_give_the_same_bits()
    {
        var dense = new AttentionTensors(AttentionTensors.ShapeOf(20, 50, queryHeads: 4, keyValueHeads: 2, dimension: 16), causal: true);
        dense.Run(Exact);
        float[] queries = AttentionTensors.RowsFirst(dense.Queries, 4, 20, 16), keys = AttentionTensors.RowsFirst(dense.Keys, 2, 50, 16), values = AttentionTensors.RowsFirst(dense.Values, 2, 50, 16);
        var output = new float[dense.Output.Length];
        Exact.Compute(
            new AttentionInput
            {
                Shape = dense.Shape,
                Queries = queries,
                QueryLayout = HeadLayout.RowsFirst(4, 20, 16),
                Keys = keys,
                KeyLayout = HeadLayout.RowsFirst(2, 50, 16),
                Values = values,
                ValueLayout = HeadLayout.RowsFirst(2, 50, 16),
                Causal = true,
            },
            new AttentionOutput { Output = output, Layout = HeadLayout.RowsFirst(4, 20, 16) },
            AttentionOptions.Default);
        output.ShouldBe(AttentionTensors.RowsFirst(dense.Output, 4, 20, 16));
    }

    private static AttentionInput Piece(AttentionTensors whole, int first, int count)
    {
        var shape = whole.Shape with { Queries = count, Keys = first + count };
        return new AttentionInput
        {
            Shape = shape,
            Queries = whole.Queries.AsSpan(first * shape.HeadDimension),
            QueryLayout = HeadLayout.HeadsFirst(shape.QueryHeads, whole.Shape.Queries, shape.HeadDimension),
            Keys = whole.Keys,
            KeyLayout = HeadLayout.HeadsFirst(shape.KeyValueHeads, whole.Shape.Keys, shape.HeadDimension),
            Values = whole.Values,
            ValueLayout = HeadLayout.HeadsFirst(shape.KeyValueHeads, whole.Shape.Keys, shape.ValueDimension),
            Causal = true,
        };
    }

    private static void Check(AttentionShape shape, bool causal, SimdPath path, float magnitude = 1)
    {
        var tensors = new AttentionTensors(shape, causal, magnitude: magnitude);
        AttentionReport report = tensors.Run(Exact, new AttentionOptions { Simd = path });
        report.Interactions.ShouldBe(shape.ExactInteractions(causal));
        NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
    }
}
