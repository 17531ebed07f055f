using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Kernels;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>One call of Clustered attention with what it decided: labels, sketches and steps of every block, and the probe records.</summary>
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
            new QueryBatchPools(),
            new CacheShape(s.QueryHeads, s.KeyValueHeads, s.HeadDimension, s.ValueDimension, call.Scale),
            call.Options,
            call.HasLogWeights);
        var parts = new (KeyValueHead Head, int[] ChosenThresholds)[s.KeyValueHeads, (s.Keys + options.BlockSize - 1) / options.BlockSize];
        layer.OnBlock = head => parts[head.Head, head.Block] = (KeyValueHead.Of(head.Index), [.. head.Chosen]);
        layer.Append(call, batch, s.FirstQueryPosition);
        for (int block = 0; block < parts.GetLength(1); block++)
        {
            var heads = Enumerable.Range(0, s.KeyValueHeads).Select(head => parts[head, block]).ToArray();
            blocks.Add(new Block([.. heads.Select(head => head.Head)], [.. heads.SelectMany(head => head.ChosenThresholds)]));
        }
        Certificates.AddRange(layer.Certificates());
        Records[batch] = [.. layer.Heads.SelectMany(head => head.Threshold.Records).OrderBy(record => (record.Position, record.Head))];
    }

    /// <summary>What one block was computed with.</summary>
    /// <param name="Heads">The far part of each key/value head.</param>
    /// <param name="ChosenThresholds">Threshold of each query head.</param>
    public sealed record Block(KeyValueHead[] Heads, int[] ChosenThresholds)
    {
        public static Block Of(IReadOnlyList<KeyIndex> indices, int[] chosen) => new([.. indices.Select(KeyValueHead.Of)], [.. chosen]);
    }

    /// <summary>What cannot be recomputed of one key/value head's far part. Keys are in order of arrival, removed ones left out.</summary>
    /// <param name="Labels">Cluster of each key.</param>
    /// <param name="Codes">Sketch of each key.</param>
    /// <param name="Tiles">Tile of each key.</param>
    /// <param name="Bases">What queries are sketched with for each cluster.</param>
    public sealed record KeyValueHead(int[] Labels, sbyte[][] Codes, int[] Tiles, SketchBasis[] Bases)
    {
        public static KeyValueHead Of(KeyIndex index)
        {
            var codes = new sbyte[index.Count][];
            var tiles = new int[index.Count];
            foreach (KeySegment segment in index.Segments)
            {
                for (int cluster = 0; cluster < segment.Clusters; cluster++)
                {
                    for (int tile = segment.Tiles.First(cluster); tile >= 0; tile = segment.Tiles.Next(tile))
                    {
                        ReadOnlySpan<ushort> numbers = segment.Tiles.Numbers(tile);
                        for (int lane = 0; lane < numbers.Length; lane++)
                        {
                            codes[segment.FirstKey + numbers[lane]] = Code(segment.Tiles, tile, lane);
                            tiles[segment.FirstKey + numbers[lane]] = tile;
                        }
                    }
                }
            }
            SketchBasis[] bases = [.. index.Segments.SelectMany(segment => Enumerable.Repeat(segment.Basis!, segment.Clusters))];
            return new KeyValueHead(index.Labels(), codes, tiles, bases);
        }

        /// <summary>Reads a sketch where <see cref="SketchTile"/> says that it lies.</summary>
        private static unsafe sbyte[] Code(SketchTiles tiles, int tile, int lane) =>
            [.. Enumerable.Range(0, tiles.Rank).Select(c => ((sbyte*)tiles.At(tile))[c / 2 * 64 + 2 * lane + c % 2])];
    }
}
