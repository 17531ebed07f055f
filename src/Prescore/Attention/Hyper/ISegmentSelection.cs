using Prescore.Attention.Core;

namespace Prescore.Attention.Hyper;

/// <summary>Chooses the keys of a segment on which HyperAttention runs. Safe to share between threads.</summary>
internal interface ISegmentSelection
{
    /// <summary>How many keys would be chosen of a segment none of whose keys is removed.</summary>
    SegmentCount Count(int firstKey, int keys, bool causal);

    /// <summary>Chooses among the keys [firstKey, endKey) of a head that are not removed.</summary>
    SegmentKeys Select(AttentionCall call, int batch, int head, int firstKey, int endKey);
}

/// <summary>How many keys of a segment are hashed and how many are always computed.</summary>
internal readonly record struct SegmentCount(int Hashed, int Always);

/// <summary>Positions of the keys that are hashed into blocks, ascending, and of those that every query computes.</summary>
internal readonly record struct SegmentKeys(int[] Hashed, int[] Always);

/// <summary>All keys: HyperAttention as it is.</summary>
internal sealed class WholeSegment : ISegmentSelection
{
    public static WholeSegment Instance { get; } = new();

    public SegmentCount Count(int firstKey, int keys, bool causal) => new(keys, 0);

    public SegmentKeys Select(AttentionCall call, int batch, int head, int firstKey, int endKey) =>
        new(KeptKeys.Between(call, batch, head, firstKey, endKey), []);
}
