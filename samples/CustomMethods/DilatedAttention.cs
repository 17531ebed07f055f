using Prescore.Attention.Core;
using Prescore.Specs;

namespace CustomMethods;

/// <summary>A query attends its own block and the one before it, and every <paramref name="stride"/>-th key farther back.</summary>
public sealed class DilatedAttention(int stride) : KeyListAttention
{
    private static readonly MethodOptions<int> Table = new MethodOptions<int>("dilated", "near keys, and every stride-th key farther back", 8, "dilated:stride=8")
        .Integer("stride", "distance between the keys farther back", stride => stride, (_, value) => value, minimum: 1);

    /// <summary>Name, summary and options, as help lists them.</summary>
    public static OptionTable Options => Table;

    /// <inheritdoc/>
    public override string Spec => Table.Print(stride);

    /// <summary>Creates the method from a spec such as <c>dilated:stride=8</c>.</summary>
    public static DilatedAttention FromSpec(MethodSpec spec) => new(Table.Read(spec));

    /// <inheritdoc/>
    protected override void ListKeys(QueryBlockKeys block, List<int> keys)
    {
        int near = block.Causal ? Math.Max(0, block.Start - BlockPositions) : block.EndKey;
        for (int key = 0; key < near; key += stride)
        {
            keys.Add(key);
        }
        for (int key = near; key < block.EndKey; key++)
        {
            keys.Add(key);
        }
    }
}
