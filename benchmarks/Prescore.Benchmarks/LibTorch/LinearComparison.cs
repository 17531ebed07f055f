using Prescore.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>A linear layer's product [m, depth] · [outputs, depth]ᵀ, fp32; the weights may be packed beforehand.</summary>
internal sealed class LinearComparison : Comparison
{
    private readonly int _m;
    private readonly int _depth;
    private readonly int _outputs;
    private readonly int _threads;
    private readonly float[] _input;
    private readonly float[] _output;
    private readonly PackedMatrix _packed;
    private readonly DisposeScope _scope = NewDisposeScope();

    public LinearComparison(int m, int depth, int outputs, int threads)
    {
        _m = m;
        _depth = depth;
        _outputs = outputs;
        _threads = threads;
        Name = $"linear {m}x{depth}x{outputs}";
        _input = GaussianNumbers.Draw(1, m * depth);
        _output = new float[m * outputs];
        float[] weights = GaussianNumbers.Draw(2, outputs * depth);
        _packed = PackedMatrix.Pack(weights, outputs, depth, SimdPaths.Best);
        Settings = CreateSettings(tensor(_input, [m, depth]), tensor(weights, [outputs, depth]));
    }

    public override string Name { get; }

    public override double Operations => 2.0 * _m * _depth * _outputs;

    public override int RowLength => _outputs;

    public override ReadOnlySpan<float> Output => _output;

    public override IReadOnlyList<LibTorchSetting> Settings { get; }

    public override void RunOurs() => _packed.Multiply(_input, _depth, _m, _output, _outputs, _threads);

    public override void Dispose()
    {
        _packed.Dispose();
        _scope.Dispose();
    }

    private List<LibTorchSetting> CreateSettings(Tensor x, Tensor w)
    {
        Tensor view = w.t();
        Tensor transposed = view.contiguous();
        Tensor result = zeros(_m, _outputs);
        Tensor oneDnn = TorchScript.Call("to_onednn", w);
        List<LibTorchSetting> settings =
        [
            new("linear", () => TorchScript.Call("linear", x, w)),
            new("mm, W.t() view", () => TorchScript.Call("mm", x, view)),
            new("mm, W.t() copy", () => TorchScript.Call("mm", x, transposed)),
            new("mm out=, W.t() view", () => TorchScript.Call("mm_into", x, view, result)),
            new("mm out=, W.t() copy", () => TorchScript.Call("mm_into", x, transposed, result)),
            new("oneDNN linear, packed W", () => TorchScript.Call("onednn_linear", x, oneDnn)),
        ];
        if (_m == 1)
        {
            Tensor vector = x.reshape(_depth);
            settings.Add(new("mv", () => TorchScript.Call("mv", w, vector)));
        }
        return settings;
    }
}
