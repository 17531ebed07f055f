using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>Exact attention, fp32, heads-first operands, head dimension 64.</summary>
internal sealed class AttentionComparison : Comparison
{
    private readonly ExactAttention _attention = new();
    private readonly AttentionShape _shape;
    private readonly bool _causal;
    private readonly AttentionOptions _options;
    private readonly float[] _queries;
    private readonly float[] _keys;
    private readonly float[] _values;
    private readonly float[] _output;
    private readonly DisposeScope _scope = NewDisposeScope();

    public AttentionComparison(int queryHeads, int keyValueHeads, int length, bool causal, int threads)
    {
        _shape = new AttentionShape
        {
            QueryHeads = queryHeads,
            KeyValueHeads = keyValueHeads,
            Queries = length,
            Keys = length,
            HeadDimension = 64,
        };
        _causal = causal;
        _options = new AttentionOptions { Threads = threads };
        _queries = GaussianNumbers.Draw(1, queryHeads * length * 64);
        _keys = GaussianNumbers.Draw(2, keyValueHeads * length * 64);
        _values = GaussianNumbers.Draw(3, keyValueHeads * length * 64);
        _output = new float[_queries.Length];
        string heads = queryHeads == keyValueHeads ? $"{queryHeads}" : $"{queryHeads}/{keyValueHeads}";
        Name = $"attention {heads}x{length}x64 {(causal ? "causal" : "full")}";
        Settings = CreateSettings();
    }

    public override string Name { get; }

    /// <summary>Two products of 2d operations for every visible pair of query and key.</summary>
    public override double Operations => 4.0 * _shape.HeadDimension * _shape.ExactInteractions(_causal);

    public override int RowLength => _shape.HeadDimension;

    public override ReadOnlySpan<float> Output => _output;

    public override IReadOnlyList<LibTorchSetting> Settings { get; }

    public override void RunOurs() => _attention.Compute(
        new AttentionInput { Shape = _shape, Queries = _queries, Keys = _keys, Values = _values, Causal = _causal },
        new AttentionOutput { Output = _output },
        _options);

    public override void Dispose() => _scope.Dispose();

    private List<LibTorchSetting> CreateSettings()
    {
        Tensor q = tensor(_queries, [1, _shape.QueryHeads, _shape.Queries, 64]);
        Tensor k = tensor(_keys, [1, _shape.KeyValueHeads, _shape.Keys, 64]);
        Tensor v = tensor(_values, [1, _shape.KeyValueHeads, _shape.Keys, 64]);
        return _shape.GroupSize == 1 ? UngroupedSettings(q, k, v) : GroupedSettings(q, k, v);
    }

    private List<LibTorchSetting> UngroupedSettings(Tensor q, Tensor k, Tensor v)
    {
        Tensor qRows = RowsFirst(q), kRows = RowsFirst(k), vRows = RowsFirst(v);
        return
        [
            new("sdpa", () => TorchScript.Call("sdpa", q, k, v, _causal)),
            new("flash op", () => TorchScript.Call("flash", q, k, v, _causal)),
            new("flash op, rows first", () => TorchScript.Call("flash", qRows, kRows, vRows, _causal)),
        ];
    }

    private List<LibTorchSetting> GroupedSettings(Tensor q, Tensor k, Tensor v)
    {
        long group = _shape.GroupSize;
        Tensor kExpanded = k.repeat_interleave(group, 1), vExpanded = v.repeat_interleave(group, 1);
        // The groups as a batch: keys and values are repeated by a stride of zero.
        Tensor qBatched = q.reshape(_shape.KeyValueHeads, group, _shape.Queries, 64);
        Tensor kBatched = k.transpose(0, 1).expand(-1, group, -1, -1), vBatched = v.transpose(0, 1).expand(-1, group, -1, -1);
        return
        [
            new("sdpa enable_gqa", () => TorchScript.Call("sdpa_grouped", q, k, v, _causal)),
            new("flash op, keys expanded", () => TorchScript.Call("flash", q, kExpanded, vExpanded, _causal)),
            new("flash op, groups as batch", () => TorchScript.Call("flash", qBatched, kBatched, vBatched, _causal)),
        ];
    }

    /// <summary>The same [batch, heads, rows, d] tensor, stored [batch, rows, heads, d].</summary>
    private static Tensor RowsFirst(Tensor t) => t.transpose(1, 2).contiguous().transpose(1, 2);
}
