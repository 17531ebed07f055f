using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Attention;

/// <summary>What every causal method promises: strict causality, and bits that depend on nothing but the input.</summary>
public class MethodPropertyTests
{
    private const int Iterations = 12;

    private static readonly Gen<(int Keys, int Cut, int Seed)> Prompt =
        Gen.Select(Gen.Int[1, 700], Gen.Double[0, 1], Gen.Int[0, 1000], (keys, cut, seed) => (keys, Math.Min(keys - 1, (int)(cut * keys)), seed));

    public static TheoryData<string> Methods =>
    [
        "exact",
        "window:w=0",
        "window:w=1",
        "window:w=70",
        "coreset:s=24,w=16",
        "coreset:s=9,w=0,protect=3,steps=0",
        "hyper:block=16,sample=12,min=32",
        "hyper:block=10,sample=7,min=5",
        "prescored:scorer=kmeans,s=24,w=16",
        "prescored:scorer=leverage,s=60,w=100",
        "prescored:scorer=random,s=24,w=0",
        "prescored:scorer=observed,s=24,w=16",
        "prescored:scorer=observed-value,s=12,w=0,inner=exact,rest=coreset,reps=9",
        "prescored:scorer=leverage-value,s=20,inner=hyper,block=8,sample=6,min=16",
        "prescored:scorer=kmeans,s=12,w=16,inner=exact,rest=coreset,reps=9,protect=1",
        "prescored:scorer=kmeans-far,s=20,inner=hyper,block=8,sample=6,min=16",
        "prescored:scorer=keydiff,s=40,inner=hyper,block=8,sample=6,min=60",
        "quest:s=40,page=16",
        "quest:s=1,page=64",
        "clustered:error=0.3,block=16,w=8,kappa=2,probes=4,every=2",
        "clustered:error=0.5,block=256,w=0,kappa=1",
        "clustered:error=0.2,block=32,w=100,kappa=4,probes=2",
    ];

    /// <summary>
    /// Methods whose keys are chosen by the queries of a whole chunk: not strictly causal, and their bits depend on how a
    /// prompt is cut. What all promise besides holds for them as well.
    /// </summary>
    private static readonly string[] ChosenByChunk =
    [
        "quoka:s=30,queries=5,chunk=32",
        "quoka:s=64,queries=20,chunk=128",
        "xattention:threshold=0.5,stride=8",
    ];

    public static TheoryData<string> AllMethods => [.. Methods.Select(row => row.Data), .. ChosenByChunk];

    public static TheoryData<string> PieceMethods => [.. ChosenByChunk];

    public static TheoryData<string> FullSize =>
    [
        "quest:s=2147483647",
        "quoka:s=2147483647",
        "window:w=2147483647",
        "coreset:s=2147483647",
        "hyper:sample=2147483647",
        "hyper:block=2147483647,sample=0,min=1",
        "hyper:min=2147483647",
        "prescored:s=2147483647,w=0",
        "prescored:s=1,w=2147483647",
        "prescored:s=2147483647,inner=hyper,sample=100000",
    ];

    [Fact]
    public void Every_method_of_the_library_is_tested_for_what_all_promise()
    {
        string[] methods = [.. AttentionMethods.Options
            .Where(options => AttentionMethods.Create(options.Example).GetType().Assembly == typeof(AttentionMethods).Assembly)
            .Select(options => options.Method)];
        string[] sized = [.. methods.Where(name => AttentionMethods.Create(name) is ISizedAttention)];
        IEnumerable<string> missing = new (string List, string[] Methods, TheoryData<string> Specs)[]
        {
            ($"{nameof(MethodPropertyTests)}.{nameof(Methods)}", methods, AllMethods),
            ($"{nameof(MethodPropertyTests)}.{nameof(FullSize)}", sized, FullSize),
            ($"{nameof(OwnershipTests)}.{nameof(OwnershipTests.Methods)}", methods, OwnershipTests.Methods),
            ($"{nameof(OverflowTests)}.{nameof(OverflowTests.Methods)}", methods, OverflowTests.Methods),
            ($"{nameof(SessionFileTests)}.{nameof(SessionFileTests.Methods)}", methods, SessionFileTests.Methods),
        }.SelectMany(row => row.Methods.Except(row.Specs.Select(spec => spec.Data.Split(':')[0])).Select(method => $"{method} in {row.List}"));
        missing.ShouldBeEmpty("these lists want a spec of the method");
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_later_token_changes_nothing_earlier(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        Prompt.Sample((keys, cut, seed) =>
        {
            AttentionTensors tensors = Whole(keys, seed);
            tensors.Run(method);
            float[] output = [.. tensors.Output], logSumExp = [.. tensors.LogSumExp];
            Disturb(tensors, cut + 1);
            tensors.Poison();
            tensors.Run(method);
            for (int head = 0; head < tensors.Shape.QueryHeads; head++)
            {
                SameBits(tensors.Output, output, head * keys, cut + 1, tensors.Shape.ValueDimension);
                SameBits(tensors.LogSumExp, logSumExp, head * keys, cut + 1, 1);
            }
        }, iter: Iterations);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Bits_do_not_depend_on_how_the_prompt_is_cut(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        Prompt.Sample((keys, cut, seed) =>
        {
            AttentionTensors whole = Whole(keys, seed);
            whole.Run(method);
            // What probes have measured, or queries seen, is part of the state of a method that looks at them: only its cache continues.
            foreach ((int first, int count) in method is ClusteredAttention || spec.Contains("observed") ? [(0, cut)] : new[] { (0, cut), (cut, keys - cut), (cut, 1) })
            {
                CheckPiece(method, whole, first, count);
            }
            CheckCache(method, whole, cut);
        }, iter: Iterations);
    }

    /// <summary>A cache gives a piece of a prompt what a call with its queries and all keys so far gives.</summary>
    [Theory]
    [MemberData(nameof(PieceMethods))]
    public void A_cache_gives_a_piece_the_bits_of_a_call(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        Prompt.Sample((keys, cut, seed) =>
        {
            AttentionTensors whole = Whole(keys, seed);
            using var first = new CacheRun(method, whole, AttentionOptions.Default);
            if (cut > 0)
            {
                first.Append(whole, cut);
            }
            using CacheRun cache = first.Fork();
            cache.Append(whole, keys - cut);
            cache.Rewind(cut);
            cache.Append(whole, keys - cut);
            // The pieces of the prompt, in place of one call's outputs.
            float[] rows = cache.Output;
            int columns = whole.Shape.ValueDimension;
            for (int head = 0; head < whole.Shape.QueryHeads; head++)
            {
                for (int row = 0; row < keys; row++)
                {
                    rows.AsSpan((row * whole.Shape.QueryHeads + head) * columns, columns).CopyTo(whole.Output.AsSpan((head * keys + row) * columns));
                }
            }
            CheckPiece(method, whole, 0, cut, logSumExps: false);
            CheckPiece(method, whole, cut, keys - cut, logSumExps: false);
        }, iter: Iterations);
    }

    [Theory]
    [MemberData(nameof(AllMethods))]
    public void Bits_do_not_depend_on_threads_or_on_who_else_uses_the_instance(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        foreach (bool causal in new[] { true, false })
        {
            float[] Run(int threads)
            {
                var tensors = new AttentionTensors(AttentionTensors.ShapeOf(400, 600, queryHeads: 4, keyValueHeads: 2, batch: 2), causal);
                tensors.Run(method, new AttentionOptions { Threads = threads });
                return tensors.Output;
            }

            float[] once = Run(1);
            once.ShouldNotContain(float.NaN);
            Parallel.For(2, 6, threads => Run(threads).ShouldBe(once));
        }
    }

    /// <summary>
    /// But for clustered: a key whose screened logit is within rounding of a threshold may be a member on one path alone.
    /// Few rows have such a key, and it matters little to them.
    /// </summary>
    [Theory]
    [MemberData(nameof(AllMethods))]
    public void Every_SIMD_path_gives_the_same_up_to_rounding(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        foreach (bool causal in new[] { true, false })
        {
            float[] Run(SimdPath path)
            {
                var tensors = new AttentionTensors(AttentionTensors.ShapeOf(257, 600, queryHeads: 2, dimension: 20, valueDimension: 12), causal);
                tensors.Run(method, new AttentionOptions { Simd = path });
                return tensors.Output;
            }

            float[] scalar = Run(SimdPath.Scalar);
            foreach (SimdPath path in new[] { SimdPath.Vector256, SimdPath.Vector512 })
            {
                float[] vector = Run(path);
                vector.ShouldNotContain(float.NaN);
                float[] differences = [.. vector.Zip(scalar, (a, b) => Math.Abs(a - b))];
                int differentRows = differences.Chunk(12).Count(row => row.Max() > 1e-5f);
                differentRows.ShouldBeLessThanOrEqualTo(spec.StartsWith("clustered", StringComparison.Ordinal) ? 5 : 0, path.ToString());
                differences.Max().ShouldBeLessThan(0.05f, path.ToString());
            }
        }
    }

    [Theory]
    [MemberData(nameof(FullSize))]
    public void With_room_for_all_keys_it_is_exact(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        foreach (bool causal in new[] { true, false })
        {
            if (!causal && spec.EndsWith("min=2147483647", StringComparison.Ordinal))
            {
                continue; // The shortest sequence concerns the causal tree alone.
            }
            if (!causal && spec.Contains("s=1,", StringComparison.Ordinal))
            {
                continue; // So does the window before a block.
            }
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(400, 600, queryHeads: 4, keyValueHeads: 2), causal);
            AttentionReport report = tensors.Run(method);
            report.Budget.ShouldBe(1);
            ((ISizedAttention)method).CountInteractions(tensors.Shape, causal).ShouldBe(report.ExactInteractions);
            NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
        }
    }

    [Theory]
    [MemberData(nameof(AllMethods))]
    public void Work_is_counted_without_doing_it_and_never_exceeds_exact(string spec)
    {
        if (AttentionMethods.Create(spec) is not ISizedAttention method)
        {
            return;
        }
        Gen.Select(Gen.Int[0, 400], Gen.Int[0, 400], Gen.Bool).Sample((a, b, causal) =>
        {
            (int queries, int keys) = causal ? (Math.Min(a, b), Math.Max(a, b)) : (a, b);
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(queries, keys, dimension: 4), causal);
            AttentionReport report = tensors.Run(method);
            // A cluster whose members were all selected is no term.
            long least = spec.Contains("rest=", StringComparison.Ordinal) ? Math.Min(1, report.ExactInteractions) : method.CountInteractions(tensors.Shape, causal);
            report.Interactions.ShouldBeInRange(queries == 0 ? 0 : least, method.CountInteractions(tensors.Shape, causal));
            report.Interactions.ShouldBeLessThanOrEqualTo(report.ExactInteractions);
            tensors.Output.ShouldNotContain(float.NaN);
            tensors.LogSumExp.ShouldNotContain(float.NaN);
        }, iter: Iterations);
    }

    [Theory]
    [MemberData(nameof(AllMethods))]
    public void A_spec_names_its_method(string spec)
    {
        string full = AttentionMethods.Create(spec).Spec;
        AttentionMethods.Create(full).Spec.ShouldBe(full);
        full.ShouldStartWith(spec);
    }

    [Theory]
    [MemberData(nameof(AllMethods))]
    public void A_cancelled_call_ends(string spec)
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(300, 300), causal: true);
        Should.Throw<OperationCanceledException>(() => AttentionMethods.Create(spec).Compute(
            tensors.Input, new AttentionOutput { Output = tensors.Output }, AttentionOptions.Default, new CancellationToken(canceled: true)));
    }

    private static AttentionTensors Whole(int keys, int seed) =>
        new(AttentionTensors.ShapeOf(keys, keys, queryHeads: 3, dimension: 12), causal: true, seed);

    /// <summary>Replaces all tokens from a position on.</summary>
    private static void Disturb(AttentionTensors tensors, int first)
    {
        int keys = tensors.Shape.Keys;
        foreach (float[] data in new[] { tensors.Queries, tensors.Keys, tensors.Values })
        {
            int heads = data.Length / keys / tensors.Shape.HeadDimension;
            for (int head = 0; head < heads; head++)
            {
                foreach (ref float x in data.AsSpan((head * keys + first) * tensors.Shape.HeadDimension, (keys - first) * tensors.Shape.HeadDimension))
                {
                    x = 7 - 3 * x;
                }
            }
        }
    }

    private static void CheckPiece(IAttention method, AttentionTensors whole, int first, int count, bool logSumExps = true)
    {
        AttentionShape shape = whole.Shape;
        int d = shape.HeadDimension;
        var output = new float[shape.QueryHeads * count * d];
        var logSumExp = new float[shape.QueryHeads * count];
        method.Compute(
            new AttentionInput
            {
                Shape = shape with { Queries = count, Keys = first + count },
                Queries = whole.Queries.AsSpan(first * d),
                QueryLayout = HeadLayout.HeadsFirst(shape.QueryHeads, shape.Queries, d),
                Keys = whole.Keys,
                KeyLayout = HeadLayout.HeadsFirst(shape.KeyValueHeads, shape.Keys, d),
                Values = whole.Values,
                ValueLayout = HeadLayout.HeadsFirst(shape.KeyValueHeads, shape.Keys, d),
                Causal = true,
            },
            new AttentionOutput { Output = output, LogSumExp = logSumExp },
            AttentionOptions.Default);
        for (int head = 0; head < shape.QueryHeads; head++)
        {
            output.AsSpan(head * count * d, count * d).SequenceEqual(whole.Output.AsSpan((head * shape.Queries + first) * d, count * d))
                .ShouldBeTrue($"output of head {head}, queries {first}+{count}");
            (!logSumExps || logSumExp.AsSpan(head * count, count).SequenceEqual(whole.LogSumExp.AsSpan(head * shape.Queries + first, count)))
                .ShouldBeTrue($"log-sum-exp of head {head}, queries {first}+{count}");
        }
    }

    /// <summary>A cache that gets the tokens before the cut, one token and the rest gives the bits of one call.</summary>
    private static void CheckCache(IAttention method, AttentionTensors whole, int cut)
    {
        AttentionShape shape = whole.Shape;
        using var cache = new CacheRun(method, whole, AttentionOptions.Default);
        foreach (int count in new[] { cut, 1, shape.Keys - cut - 1 })
        {
            if (count > 0)
            {
                cache.Append(whole, count);
            }
        }
        cache.Output.AsSpan().SequenceEqual(AttentionTensors.RowsFirst(whole.Output, shape.QueryHeads, shape.Keys, shape.ValueDimension)).ShouldBeTrue();
    }

    private static void SameBits(float[] actual, float[] expected, int firstRow, int rows, int columns) =>
        actual.AsSpan(firstRow * columns, rows * columns).SequenceEqual(expected.AsSpan(firstRow * columns, rows * columns)).ShouldBeTrue();
}
