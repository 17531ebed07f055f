using System.Diagnostics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>Grows the indices of a layer's heads side by side, their refinements cut into parts that keep all threads busy.</summary>
internal static class IndexGrowth
{
    /// <summary>Moves the <paramref name="moved"/> oldest near positions into each head's index, and refines where that is due.</summary>
    public static void Advance(
        IReadOnlyList<ClusteredHead> heads, int moved, ClusteredOptions options, AttentionOptions run, WorkCounter work, CancellationToken cancellationToken)
    {
        if (moved <= 0)
        {
            return;
        }
        long before = heads.Sum(head => head.Index.Products);
        Timed(heads.Count, head => heads[head].MoveToIndex(moved));
        KeyIndex[] due = [.. heads.Select(head => head.Index).Where(index => index.RefinementDue)];
        Refine(due, options.FitSteps, Timed);
        work.AddIndexProducts(heads.Sum(head => head.Index.Products) - before);

        void Timed(int count, Action<int> body) => ParallelItems.Run(
            count,
            run.Threads,
            item =>
            {
                long start = Stopwatch.GetTimestamp();
                body(item);
                work.AddIndexTime(start);
            },
            cancellationToken);
    }

    /// <summary>The same for one head on this thread.</summary>
    public static void Advance(ClusteredHead head, int moved, ClusteredOptions options)
    {
        head.MoveToIndex(moved);
        if (moved > 0 && head.Index.RefinementDue)
        {
            Refine([head.Index], options.FitSteps, Sequential);
        }
    }

    /// <summary>Refines indices; <paramref name="run"/> does a number of independent items.</summary>
    public static void Refine(IReadOnlyList<KeyIndex> indices, int steps, Action<int, Action<int>> run)
    {
        if (indices.Count == 0)
        {
            return;
        }
        run(indices.Count, i => indices[i].BeginRefinement());
        for (int step = 0; step < steps; step++)
        {
            (KeyIndex Index, int Part)[] parts =
            [
                .. indices.SelectMany(index => Enumerable.Range(0, index.Refinement.Parts).Select(part => (index, part))),
            ];
            run(parts.Length, i => parts[i].Index.Refinement.FindMoves(parts[i].Part));
            run(indices.Count, i => indices[i].Refinement.Apply());
        }
        run(indices.Count, i => indices[i].EndRefinement());
    }

    private static void Sequential(int count, Action<int> body)
    {
        for (int i = 0; i < count; i++)
        {
            body(i);
        }
    }
}
