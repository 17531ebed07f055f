using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Layers;
using Prescore.TorchSharp;
using TorchSharp;

namespace Prescore.Cli;

/// <summary>
/// libtorch's flash attention for CPUs on a captured layer. The heads that share keys are a batch whose keys and values are
/// repeated by a stride of zero, the fastest of the ways to call it (benchmarks/Prescore.Benchmarks, libtorch).
/// </summary>
internal sealed class LibTorchLayer : ILayerPeer
{
    private const string Source = """
        def flash(q, k, v):
            o, lse = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, True)
            return o

        """;

    private readonly torch.jit.CompilationUnit _module;

    private LibTorchLayer() => _module = torch.jit.compile(Source);

    /// <inheritdoc/>
    public string Name => $"libtorch {torch.__version__} SDPA";

    /// <summary>Loads libtorch; null where it does not run.</summary>
    public static LibTorchLayer? TryCreate()
    {
        try
        {
            // Its threads would take the cores from what is timed next.
            ThreadWaiting.Sleep();
            return new LibTorchLayer();
        }
        catch (Exception error) when (error is DllNotFoundException or TypeInitializationException or NotSupportedException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public LayerRun Run(LayerTensors layer, AttentionOptions options)
    {
        AttentionShape shape = layer.Shape;
        AttentionInput input = layer.Input(causal: true);
        torch.set_num_threads(options.Threads);
        using var scope = torch.NewDisposeScope();
        using var noGradients = torch.no_grad();
        long group = shape.GroupSize;
        torch.Tensor queries = torch.tensor(input.Queries.ToArray(), [shape.KeyValueHeads, group, shape.Queries, shape.HeadDimension]);
        torch.Tensor keys = torch.tensor(input.Keys.ToArray(), [shape.KeyValueHeads, 1, shape.Keys, shape.HeadDimension]).expand(-1, group, -1, -1);
        torch.Tensor values = torch.tensor(input.Values.ToArray(), [shape.KeyValueHeads, 1, shape.Keys, shape.ValueDimension]).expand(-1, group, -1, -1);
        long start = Stopwatch.GetTimestamp();
        var output = (torch.Tensor)_module.invoke("flash", queries, keys, values);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long interactions = shape.ExactInteractions(causal: true);
        return new LayerRun(
            output.contiguous().data<float>().ToArray(),
            [],
            new AttentionReport { Seconds = seconds, Interactions = interactions, ExactInteractions = interactions });
    }
}
