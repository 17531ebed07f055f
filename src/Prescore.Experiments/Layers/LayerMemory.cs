using Prescore.Attention;
using Prescore.Models.Inference;

namespace Prescore.Experiments.Layers;

/// <summary>Whether single-layer runs fit into memory, asked before they begin.</summary>
internal static class LayerMemory
{
    /// <summary>Refuses a run that is too large.</summary>
    /// <param name="shape">Shape of a layer.</param>
    /// <param name="inputs">How many layers' queries, keys and values are still to be allocated.</param>
    /// <param name="outputs">How many layers' outputs are still to be allocated.</param>
    /// <exception cref="InsufficientMemoryException">They do not fit.</exception>
    public static void Require(AttentionShape shape, int inputs, int outputs)
    {
        long queries = (long)shape.QueryHeads * shape.Queries;
        long keys = (long)shape.KeyValueHeads * shape.Keys;
        long keysAndValues = keys * (shape.HeadDimension + shape.ValueDimension);
        long outputNumbers = queries * (shape.ValueDimension + 1);
        var needed = new MemoryEstimate(
            0,
            sizeof(float) * inputs * keysAndValues,
            sizeof(float) * (inputs * queries * shape.HeadDimension + outputs * outputNumbers));
        needed.Require(MemoryEstimate.Available());
    }
}
