using Prescore.Attention.Contracts;
using Prescore.Models.Families;

namespace Prescore.Experiments.Layers;

/// <summary>Whether single-layer runs fit into memory, asked before they begin.</summary>
internal static class LayerMemory
{
    /// <summary>Refuses a run that is too large.</summary>
    /// <param name="shape">Shape of a layer.</param>
    /// <param name="inputs">How many layers' queries, keys and values are still to be allocated.</param>
    /// <param name="outputs">How many layers' outputs are still to be allocated.</param>
    /// <exception cref="InsufficientMemoryException">They do not fit.</exception>
    public static void Require(AttentionShape shape, int inputs, int outputs) =>
        Estimate(shape, inputs, outputs).Require(MemoryEstimate.Available(), "use fewer tokens");

    /// <summary>What they take.</summary>
    /// <param name="shape">Shape of a layer.</param>
    /// <param name="inputs">How many layers' queries, keys and values.</param>
    /// <param name="outputs">How many layers' outputs.</param>
    public static MemoryEstimate Estimate(AttentionShape shape, int inputs, int outputs)
    {
        // In floating point, as the sizes a file claims may multiply to more than a long holds.
        double queries = (double)shape.QueryHeads * shape.Queries;
        double keys = (double)shape.KeyValueHeads * shape.Keys;
        double keysAndValues = inputs * keys * ((double)shape.HeadDimension + shape.ValueDimension);
        double queriesAndOutputs = queries * ((double)inputs * shape.HeadDimension + outputs * (shape.ValueDimension + 1.0));
        return new MemoryEstimate(0, Bytes(keysAndValues), Bytes(queriesAndOutputs));
    }

    // Below half of the largest long, so that the two amounts can be added.
    private static long Bytes(double numbers) => (long)Math.Min(numbers * sizeof(float), 1L << 61);
}
