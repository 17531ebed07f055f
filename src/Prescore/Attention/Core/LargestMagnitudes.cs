using Prescore.Attention.Contracts;

namespace Prescore.Attention.Core;

/// <summary>
/// The largest magnitudes that attention has met. No partial sum of a product of a query and a key is larger than d times
/// the product of the largest components: below single precision's limit nothing has to be looked at again.
/// </summary>
internal sealed class LargestMagnitudes
{
    private double _query;
    private double _key;
    private double _value;

    /// <summary>Takes note of the largest components of some queries, keys and values.</summary>
    public void Add(float query, float key, float value) =>
        (_query, _key, _value) = (Math.Max(_query, query), Math.Max(_key, key), Math.Max(_value, value));

    /// <summary>The same, going its own way.</summary>
    public LargestMagnitudes Copy() => (LargestMagnitudes)MemberwiseClone();

    /// <summary>Whether logits, or sums of as many values as there are keys, may be beyond single precision.</summary>
    public bool MayOverflow(AttentionShape shape, float scale)
    {
        double scaled = _query * Math.Max(1, Math.Abs(scale));
        return Math.Max(scaled * Math.Max(1, _key) * shape.HeadDimension, _value * Math.Max(1, shape.Keys)) > float.MaxValue / 4;
    }
}
