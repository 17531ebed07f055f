using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Attention.Core;

/// <summary>Refuses attention inputs whose shapes do not fit or whose values are not finite.</summary>
internal static unsafe class AttentionInputCheck
{
    private const int RowsPerItem = 4096;

    public static HeadLayout QueryLayout(in AttentionInput input) =>
        input.QueryLayout ?? HeadLayout.HeadsFirst(input.Shape.QueryHeads, input.Shape.Queries, input.Shape.HeadDimension);

    public static HeadLayout KeyLayout(in AttentionInput input) =>
        input.KeyLayout ?? HeadLayout.HeadsFirst(input.Shape.KeyValueHeads, input.Shape.Keys, input.Shape.HeadDimension);

    public static HeadLayout ValueLayout(in AttentionInput input) =>
        input.ValueLayout ?? HeadLayout.HeadsFirst(input.Shape.KeyValueHeads, input.Shape.Keys, input.Shape.ValueDimension);

    public static HeadLayout OutputLayout(in AttentionInput input, in AttentionOutput output) =>
        output.Layout ?? HeadLayout.HeadsFirst(input.Shape.QueryHeads, input.Shape.Queries, input.Shape.ValueDimension);

    /// <summary>Checks sizes, strides and span lengths.</summary>
    public static void Shapes(in AttentionInput input, in AttentionOutput output, AttentionOptions options)
    {
        AttentionShape shape = input.Shape;
        Require(shape.Batch >= 1 && shape.HeadDimension >= 1 && shape.ValueDimension >= 1, "batch and head dimensions must be at least 1");
        Require(shape.Queries >= 0 && shape.Keys >= 0, "the numbers of queries and keys must not be negative");
        Require(
            shape.KeyValueHeads >= 1 && shape.QueryHeads >= 1 && shape.QueryHeads % shape.KeyValueHeads == 0,
            $"{shape.QueryHeads} query heads are not a multiple of {shape.KeyValueHeads} key/value heads");
        Require(
            !input.Causal || shape.Queries <= shape.Keys,
            $"causal attention needs at least as many keys as queries, not {shape.Keys} keys for {shape.Queries} queries");
        Require(options.Threads >= 1, "the number of threads must be at least 1");
        Require(input.Scale is null || float.IsFinite(input.Scale.Value), "the scale must be finite");
        Length("queries", input.Queries.Length, QueryLayout(input), shape.Batch, shape.QueryHeads, shape.Queries, shape.HeadDimension);
        Length("keys", input.Keys.Length, KeyLayout(input), shape.Batch, shape.KeyValueHeads, shape.Keys, shape.HeadDimension);
        Length("values", input.Values.Length, ValueLayout(input), shape.Batch, shape.KeyValueHeads, shape.Keys, shape.ValueDimension);
        Length("output", output.Output.Length, OutputLayout(input, output), shape.Batch, shape.QueryHeads, shape.Queries, shape.ValueDimension);
        long logSumExps = (long)shape.Batch * shape.QueryHeads * shape.Queries;
        Require(output.LogSumExp.IsEmpty || output.LogSumExp.Length >= logSumExps, $"log-sum-exp needs {logSumExps} elements, not {output.LogSumExp.Length}");
        long weights = (long)shape.Batch * shape.KeyValueHeads * shape.Keys;
        Require(input.KeyLogWeights.IsEmpty || input.KeyLogWeights.Length == weights, $"key log-weights need {weights} elements, not {input.KeyLogWeights.Length}");
    }

    /// <summary>Checks every value of the call's inputs.</summary>
    /// <param name="call">The call.</param>
    /// <param name="largest">Takes note of the largest magnitudes.</param>
    /// <exception cref="NonFiniteException">Names the first bad row found.</exception>
    public static void Finite(AttentionCall call, LargestMagnitudes largest)
    {
        AttentionShape shape = call.Shape;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            largest.Add(
                Largest(call, "queries", batch, shape.QueryHeads, call.Queries),
                Largest(call, "keys", batch, shape.KeyValueHeads, call.Keys),
                Largest(call, "values", batch, shape.KeyValueHeads, call.Values));
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                LogWeights(call.KeyLogWeights(batch, head), batch, head);
            }
        }
    }

    /// <summary>The largest magnitude of a tensor's rows, all of which are finite.</summary>
    private static float Largest(AttentionCall call, string tensor, int batch, int heads, Func<int, int, MatrixView> view)
    {
        int bits = 0;
        Rows(call, tensor, batch, heads, view, (rows, row) => Note(Kernel256.LargestMagnitude(rows.Pointer(row), rows.Columns), ref bits), NotFinite);
        return BitConverter.Int32BitsToSingle(bits);
    }

    /// <summary>Raises a maximum, from any thread; false for what is not finite. Magnitudes compare as their bits do.</summary>
    private static bool Note(float magnitude, ref int bits)
    {
        int known = Volatile.Read(ref bits), mine = BitConverter.SingleToInt32Bits(magnitude);
        while (mine > known)
        {
            int seen = Interlocked.CompareExchange(ref bits, mine, known);
            known = seen == known ? mine : seen;
        }
        return float.IsFinite(magnitude);
    }

    private static NonFiniteException NotFinite(string tensor, int batch, int head, int row) => new(tensor, batch, head, row);

    private static void Rows(
        AttentionCall call,
        string tensor,
        int batch,
        int heads,
        Func<int, int, MatrixView> view,
        Func<MatrixView, int, bool> good,
        Func<string, int, int, int, Exception> error)
    {
        int rows = view(batch, 0).Rows;
        int pieces = (rows + RowsPerItem - 1) / RowsPerItem;
        ParallelItems.Run(
            heads * pieces,
            rows * heads < RowsPerItem ? 1 : call.Options.Threads,
            item =>
            {
                int head = item / pieces;
                int first = item % pieces * RowsPerItem;
                MatrixView all = view(batch, head);
                int end = Math.Min(rows, first + RowsPerItem);
                for (int row = first; row < end; row++)
                {
                    if (!good(all, row))
                    {
                        throw error(tensor, batch, head, row);
                    }
                }
            },
            call.CancellationToken);
    }

    private static void LogWeights(ReadOnlySpan<float> weights, int batch, int head)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            if (float.IsNaN(weights[i]) || float.IsPositiveInfinity(weights[i]))
            {
                throw new NonFiniteException("key log-weights", batch, head, i);
            }
        }
    }

    private static void Length(string name, int length, HeadLayout layout, int batch, int heads, int rows, int columns)
    {
        Require(layout is { BatchStride: >= 0, HeadStride: >= 0, RowStride: >= 0 }, $"{name}: strides must not be negative");
        if (rows == 0)
        {
            return;
        }
        long needed = (long)(batch - 1) * layout.BatchStride + (long)(heads - 1) * layout.HeadStride + (long)(rows - 1) * layout.RowStride + columns;
        Require(length >= needed, $"{name}: {needed} elements are needed for [{batch}, {heads}, {rows}, {columns}] with these strides, not {length}");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
