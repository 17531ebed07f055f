using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>Queries, keys and values of one attention layer, dense heads-first.</summary>
public sealed class LayerTensors
{
    private readonly float[] _queries;
    private readonly float[] _keys;
    private readonly float[] _values;

    /// <summary>Takes over the arrays.</summary>
    /// <param name="shape">Sizes, a batch of one.</param>
    /// <param name="queries">[query heads, n_q, d].</param>
    /// <param name="keys">[key/value heads, n_k, d].</param>
    /// <param name="values">[key/value heads, n_k, d_v].</param>
    /// <param name="layer">Model layer, or 0.</param>
    /// <exception cref="BadInputException">Sizes that no attention has.</exception>
    public LayerTensors(AttentionShape shape, float[] queries, float[] keys, float[] values, int layer = 0)
    {
        RequireSizes(shape);
        RequireLength(queries, (long)shape.QueryHeads * shape.Queries * shape.HeadDimension, "queries");
        RequireLength(keys, (long)shape.KeyValueHeads * shape.Keys * shape.HeadDimension, "keys");
        RequireLength(values, (long)shape.KeyValueHeads * shape.Keys * shape.ValueDimension, "values");
        (Shape, Layer) = (shape, layer);
        (_queries, _keys, _values) = (queries, keys, values);
    }

    /// <summary>Sizes, with a batch of one.</summary>
    public AttentionShape Shape { get; }

    /// <summary>Model layer the tensors come from.</summary>
    public int Layer { get; }

    /// <summary>The input of an attention over these tensors.</summary>
    public AttentionInput Input(bool causal) => new()
    {
        Shape = Shape,
        Queries = _queries,
        Keys = _keys,
        Values = _values,
        Causal = causal,
    };

    /// <summary>The layer as it was when it had only its first <paramref name="count"/> tokens (n_q = n_k).</summary>
    public LayerTensors Prefix(int count)
    {
        if (Shape.Queries != Shape.Keys || count > Shape.Keys)
        {
            throw new BadInputException($"{count} tokens wanted, but the layer has {Shape.Queries} queries and {Shape.Keys} keys");
        }
        return count == Shape.Keys
            ? this
            : new LayerTensors(
                Shape with { Queries = count, Keys = count },
                FirstRows(_queries, Shape.QueryHeads, count, Shape.HeadDimension),
                FirstRows(_keys, Shape.KeyValueHeads, count, Shape.HeadDimension),
                FirstRows(_values, Shape.KeyValueHeads, count, Shape.ValueDimension),
                Layer);
    }

    private float[] FirstRows(float[] tensor, int heads, int count, int dimension)
    {
        float[] rows = new float[heads * count * dimension];
        for (int head = 0; head < heads; head++)
        {
            tensor.AsSpan(head * Shape.Keys * dimension, count * dimension).CopyTo(rows.AsSpan(head * count * dimension));
        }
        return rows;
    }

    private static void RequireSizes(AttentionShape shape)
    {
        if (shape.QueryHeads < 1 || shape.KeyValueHeads < 1 || shape.QueryHeads % shape.KeyValueHeads != 0)
        {
            throw new BadInputException(
                $"{shape.QueryHeads} query heads do not divide evenly among {shape.KeyValueHeads} key/value heads");
        }
        if (shape.Queries < 1 || shape.Keys < 1 || shape.HeadDimension < 1 || shape.ValueDimension < 1)
        {
            throw new BadInputException("queries, keys and values need at least one row and one column");
        }
    }

    private static void RequireLength(float[] tensor, long length, string name)
    {
        if (tensor.Length != length)
        {
            throw new ArgumentException($"{name} have {tensor.Length} values, the shape needs {length}");
        }
    }
}
