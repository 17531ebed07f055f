using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Kernels;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>One call of Clustered attention with what it decided: labels and p of every block, and the probe records.</summary>
internal sealed class ClusteredTrace
{
    private ClusteredTrace(int batches) => (Blocks, Records) = ([.. Enumerable.Range(0, batches).Select(_ => new List<Block>())], new ProbeRecord[batches][]);

    /// <summary>Blocks of each sequence; without causality one.</summary>
    public List<Block>[] Blocks { get; }

    /// <summary>Probe records of each sequence; empty without causality.</summary>
    public ProbeRecord[][] Records { get; }

    public List<HeadCertificate> Certificates { get; } = [];

    public AttentionReport Report { get; private set; }

    /// <summary>Fills the outputs of the tensors.</summary>
    public static ClusteredTrace Run(AttentionTensors tensors, ClusteredOptions options, AttentionOptions? run = null)
    {
        var trace = new ClusteredTrace(tensors.Shape.Batch);
        trace.Report = AttentionCall.Run(
            tensors.Input,
            new AttentionOutput { Output = tensors.Output, LogSumExp = tensors.LogSumExp },
            run ?? AttentionOptions.Default,
            default,
            call =>
            {
                for (int batch = 0; batch < tensors.Shape.Batch; batch++)
                {
                    trace.Compute(call, batch, options);
                }
            });
        return trace;
    }

    private void Compute(AttentionCall call, int batch, ClusteredOptions options)
    {
        List<Block> blocks = Blocks[batch];
        if (!call.Causal)
        {
            var whole = new WholeSequence(options, call, batch) { OnChosen = (indices, chosen) => blocks.Add(Block.Of(indices, chosen)) };
            Certificates.AddRange(whole.Run());
            Records[batch] = [];
            return;
        }
        AttentionShape s = call.Shape;
        using var layer = new ClusteredLayer(
            options,
            new CacheShape(s.QueryHeads, s.KeyValueHeads, s.HeadDimension, s.ValueDimension, call.Scale),
            call.Options,
            call.HasLogWeights);
        var parts = new (int[] Labels, int[] Chosen, int[] Efforts)[s.KeyValueHeads, (s.Keys + options.BlockSize - 1) / options.BlockSize];
        layer.OnBlock = head => parts[head.Head, head.Block] =
            (head.Index.Labels(), [.. head.Chosen], [.. head.Chosen.Select(effort => QueryBatch.WithinExact(head.Index, effort))]);
        layer.Append(call, batch, s.FirstQueryPosition);
        for (int block = 0; block < parts.GetLength(1); block++)
        {
            var heads = Enumerable.Range(0, s.KeyValueHeads).Select(head => parts[head, block]).ToArray();
            blocks.Add(new Block(
                [.. heads.Select(head => head.Labels)], [.. heads.SelectMany(head => head.Chosen)], [.. heads.SelectMany(head => head.Efforts)]));
        }
        Certificates.AddRange(layer.Certificates());
        Records[batch] = [.. layer.Heads.SelectMany(head => head.Effort.Records).OrderBy(record => (record.Position, record.Head))];
    }

    /// <summary>What one block was computed with.</summary>
    /// <param name="Labels">Clusters of the far keys of each key/value head, removed keys left out.</param>
    /// <param name="Chosen">p of each query head.</param>
    /// <param name="Efforts">p in use: <see cref="EffortLadder.Exact"/> where p would cost more than exact.</param>
    public sealed record Block(int[][] Labels, int[] Chosen, int[] Efforts)
    {
        public static Block Of(IReadOnlyList<KeyIndex> indices, int[] chosen) => new(
            [.. indices.Select(index => index.Labels())],
            [.. chosen],
            [.. chosen.Select((effort, head) => QueryBatch.WithinExact(indices[head / (chosen.Length / indices.Count)], effort))]);
    }
}
