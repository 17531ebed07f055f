using System.Diagnostics;
using Prescore.Attention.Core;
using Prescore.Scheduling;

namespace Prescore.Attention.Coreset;

/// <summary>Attention that is not causal, in which all queries of a key/value head attend to the same weighted keys.</summary>
internal static class WholeCoreset
{
    /// <summary>Chooses the weighted keys of every key/value head and lets all queries attend to them.</summary>
    /// <param name="call">The call.</param>
    /// <param name="choose">Fills the list of a sequence and key/value head, from <see cref="WeightedKeys.Begin"/> on.</param>
    public static void Attend(AttentionCall call, Action<AttentionCall, WeightedKeys, int, int> choose)
    {
        int heads = call.Shape.KeyValueHeads;
        var keys = new WeightedKeys[call.Shape.Batch * heads];
        try
        {
            ParallelItems.Run(keys.Length, call.Options.Threads, item =>
            {
                long start = Stopwatch.GetTimestamp();
                keys[item] = new WeightedKeys(call.Options.Simd);
                choose(call, keys[item], item / heads, item % heads);
                keys[item].Pack();
                call.Work.AddIndexTime(start);
            }, call.CancellationToken);
            AttentionWorkspace.ForEachBlock(
                call, FarKeys.BlockPositions, (workspace, batch, head, block) => workspace.AttendAll(keys[batch * heads + head].Tiles));
        }
        finally
        {
            Array.ForEach(keys, list => list?.Dispose());
        }
    }

    /// <summary>Adds representatives of listed keys; the keys themselves where there are no more of them.</summary>
    /// <param name="call">The call.</param>
    /// <param name="keys">Receives them.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="positions">Positions, ascending, of keys that are not removed.</param>
    /// <param name="count">Number of representatives.</param>
    /// <param name="steps">Lloyd steps at most.</param>
    public static void AddRepresentatives(
        AttentionCall call, WeightedKeys keys, int batch, int head, ReadOnlySpan<int> positions, int count, int steps)
    {
        if (positions.Length <= count)
        {
            foreach (int position in positions)
            {
                keys.AddKey(position);
            }
            return;
        }
        using KeyClustering clusters = KeyClustering.Fit(call, batch, head, positions, count, steps);
        var labels = new int[positions.Length];
        clusters.Assign(call.Keys(batch, head), positions, labels, repairs: true);
        call.Work.AddIndexProducts(clusters.TakeIndexProducts());
        keys.AddClusters(positions, labels, clusters.Count);
    }
}
