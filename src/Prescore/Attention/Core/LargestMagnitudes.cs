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

    /// <summary>Writes the numbers.</summary>
    public void Save(CacheStream file) => file.Write(_query, _key, _value);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Load(CacheStream file)
    {
        double[] largest = file.Read<double>(3);
        CacheStream.Require(Array.TrueForAll(largest, value => value >= 0 && double.IsFinite(value)), "a largest magnitude is none");
        (_query, _key, _value) = (largest[0], largest[1], largest[2]);
    }

    /// <summary>Whether logits, or sums of as many values as there are keys, may be beyond single precision.</summary>
    public bool MayOverflow(AttentionShape shape, float scale)
    {
        double scaled = _query * Math.Max(1, Math.Abs(scale));
        return Math.Max(scaled * Math.Max(1, _key) * shape.HeadDimension, _value * Math.Max(1, shape.Keys)) > float.MaxValue / 4;
    }
}
