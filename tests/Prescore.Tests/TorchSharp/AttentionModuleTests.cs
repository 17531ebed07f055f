using System.Globalization;
using System.Runtime.InteropServices;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Scoring;
using Prescore.Specs;
using Prescore.TorchSharp.Attention;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.Tests.TorchSharp;

/// <summary>Outputs and gradients of the modules, selection frozen, against the dense form, finite differences and the library.</summary>
public class AttentionModuleTests
{
    private const int Batch = 2, Heads = 3, Keys = 37, Dimension = 8;

    public static TheoryData<string, int> Methods => new()
    {
        { "exact", 0 },
        { "window:w=0", 0 },
        { "window:w=5", 0 },
        { "prescored:scorer=kmeans,s=9", 0 },
        { "prescored:scorer=kmeans,s=9", 1 },
        { "prescored:scorer=leverage,s=1", 1 },
        { "prescored:scorer=norm,s=40", 1 },
        { "prescored:scorer=random,s=6,rest=coreset,reps=7", 2 },
        { "prescored:scorer=keydiff,s=30,rest=coreset,reps=12", 0 },
        { "coreset:s=8", 0 },
        { "coreset:s=8", 1 },
        { "coreset:s=60", 1 },
    };

    [Theory]
    [MemberData(nameof(Methods))]
    public void Output_and_gradients_equal_the_dense_form(string method, int kept)
    {
        using DisposeScope scope = NewDisposeScope();
        using AttentionModule module = AttentionModules.Create(method, new AttentionModuleOptions(7, 3, kept));
        foreach ((ScalarType type, double bound) in new[] { (ScalarType.Float64, 1e-9), (ScalarType.Float32, 1e-4) })
        {
            Tensor[] inputs = Inputs(11, type), exact = [.. inputs.Select(input => input.detach().to(ScalarType.Float64).requires_grad_())];
            Tensor weights = Gaussian([Batch, Heads, 11, Dimension], 5);
            Tensor output = module.call(inputs[0], inputs[1], inputs[2]);
            Tensor expected = Dense(method, kept, exact);
            (output * weights.to(type)).sum().backward();
            (expected * weights).sum().backward();
            Distance(output, expected).ShouldBeLessThan(bound);
            for (int i = 0; i < inputs.Length; i++)
            {
                Distance(inputs[i].grad!, exact[i].grad!).ShouldBeLessThan(bound, $"gradient {i}, {type}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Gradients_equal_finite_differences(string method, int kept)
    {
        const double Step = 1e-5;
        using DisposeScope scope = NewDisposeScope();
        using AttentionModule module = AttentionModules.Create(method, new AttentionModuleOptions(7, 3, kept));
        Tensor[] inputs = Inputs(5, ScalarType.Float64);
        Tensor weights = Gaussian([Batch, Heads, 5, Dimension], 6);
        (module.call(inputs[0], inputs[1], inputs[2]) * weights).sum().backward();
        using var noGradient = no_grad();
        for (int i = 0; i < inputs.Length; i++)
        {
            for (int probe = 0; probe < 12; probe++)
            {
                long at = (probe * 7919L + 13) % inputs[i].numel();
                Tensor flat = inputs[i].view(-1);
                double value = flat[at].item<double>();
                double above = Loss(value + Step), below = Loss(value - Step);
                flat[at] = value;
                ((above - below) / (2 * Step)).ShouldBe(inputs[i].grad!.view(-1)[at].item<double>(), 1e-5);

                double Loss(double changed)
                {
                    flat[at] = changed;
                    return (module.call(inputs[0], inputs[1], inputs[2]) * weights).sum().item<double>();
                }
            }
        }
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("window:w=5")]
    [InlineData("prescored:scorer=kmeans,s=9")]
    [InlineData("prescored:scorer=kmedian,s=12")]
    [InlineData("prescored:scorer=ridge,s=9")]
    public void A_module_computes_what_the_library_computes(string method)
    {
        using DisposeScope scope = NewDisposeScope();
        using AttentionModule module = AttentionModules.Create(method, new AttentionModuleOptions(7, 3));
        Tensor[] inputs = [.. Inputs(11, ScalarType.Float32).Select(input => input.narrow(0, 0, 1).detach().contiguous())];
        float[][] values = [.. inputs.Select(Values)];
        var output = new float[Heads * 11 * Dimension];
        AttentionMethods.Create(method).Compute(
            new AttentionInput
            {
                Shape = new AttentionShape { QueryHeads = Heads, KeyValueHeads = Heads, Queries = 11, Keys = Keys, HeadDimension = Dimension },
                Queries = values[0],
                Keys = values[1],
                Values = values[2],
            },
            new AttentionOutput { Output = output },
            AttentionOptions.Default with { Seed = 7, Layer = 3 },
            TestContext.Current.CancellationToken);
        Distance(module.call(inputs[0], inputs[1], inputs[2]), tensor(output, [1, Heads, 11, Dimension])).ShouldBeLessThan(1e-5);
    }

    [Fact]
    public void Unknown_methods_and_options_are_refused()
    {
        Should.Throw<MethodSpecException>(() => AttentionModules.Create("cluster", new AttentionModuleOptions())).Message.ShouldContain("coreset");
        Should.Throw<MethodSpecException>(() => AttentionModules.Create("prescored:k=3", new AttentionModuleOptions()));
        Should.Throw<MethodSpecException>(() => AttentionModules.Create("coreset:s=1", new AttentionModuleOptions(Protected: 1)));
    }

    private static int Number(MethodSpec spec, string option) => int.Parse(spec[option] ?? "0", CultureInfo.InvariantCulture);

    private static Tensor Dense(string method, int kept, Tensor[] inputs)
    {
        MethodSpec spec = MethodSpec.Parse(method);
        var host = new HostKeys(inputs[1]);
        var options = new AttentionModuleOptions(7, 3, kept);
        int count = Number(spec, "s"), rest = Number(spec, "reps");
        switch (spec.Name)
        {
            case "window":
                return DenseForm.Attend(inputs[0], inputs[1], inputs[2], WindowMask(Number(spec, "w"), inputs[0].shape[2]));
            case "prescored" when rest == 0:
                int[][] seen = new KeySelector(KeyScorers.Create(spec["scorer"]!), count, options).Select(host);
                seen.ShouldAllBe(row => row.Length == Math.Min(count, Keys) && row.Distinct().Count() == row.Length && row.Take(kept).SequenceEqual(Enumerable.Range(0, Math.Min(kept, count))));
                return DenseForm.Attend(inputs[0], inputs[1], inputs[2], DenseForm.Mask(seen, inputs[1]));
            case "prescored":
                int[][] exact = new KeySelector(KeyScorers.Create(spec["scorer"]!), count, options).Select(host);
                return Represented(rest, exact);
            case "coreset" when count < Keys:
                return Represented(count - kept, [.. Enumerable.Repeat(Enumerable.Range(0, kept).ToArray(), Batch * Heads)]);
            default:
                return DenseForm.Attend(inputs[0], inputs[1], inputs[2]);
        }

        Tensor Represented(int clusters, int[][] exact)
        {
            Tensor replacement = DenseForm.Replacement(Representatives.Of(host, clusters, exact, options, ScalarType.Float64), inputs[1]);
            return DenseForm.Attend(inputs[0], replacement.matmul(inputs[1]), replacement.matmul(inputs[2]));
        }
    }

    private static Tensor WindowMask(int window, long queries)
    {
        var mask = new double[queries * Keys];
        for (int query = 0; query < queries; query++)
        {
            int position = Keys - (int)queries + query;
            for (int key = 0; key < Keys; key++)
            {
                mask[query * Keys + key] = key < 4 || (key > position - window && key < position + window) ? 0 : double.NegativeInfinity;
            }
        }
        return tensor(mask, [queries, Keys]);
    }

    private static Tensor[] Inputs(int queries, ScalarType type) =>
    [
        Gaussian([Batch, Heads, queries, Dimension], 1).to(type).detach().requires_grad_(),
        Gaussian([Batch, Heads, Keys, Dimension], 2).to(type).detach().requires_grad_(),
        Gaussian([Batch, Heads, Keys, Dimension], 3).to(type).detach().requires_grad_(),
    ];

    /// <summary>Numbers that fp32 holds exactly, so that both types select from the same keys.</summary>
    private static Tensor Gaussian(long[] shape, int seed)
    {
        using var generator = new Generator((ulong)seed);
        return randn(shape, dtype: ScalarType.Float32, generator: generator).to(ScalarType.Float64);
    }

    private static float[] Values(Tensor dense) => MemoryMarshal.Cast<byte, float>(dense.bytes).ToArray();

    /// <summary>Relative to the expected values, or to 1 where they vanish: one key alone has no gradient of queries.</summary>
    private static double Distance(Tensor actual, Tensor expected)
    {
        Tensor wide = expected.detach().to(ScalarType.Float64);
        return ((actual.detach().to(ScalarType.Float64) - wide).norm() / wide.norm().clamp_min(1)).item<double>();
    }
}
