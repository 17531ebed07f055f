using Prescore.Attention.Core;
using Prescore.Specs;

namespace CustomMethods;

/// <summary>A query attends its own block and the one before it, and every <paramref name="stride"/>-th key farther back.</summary>
public sealed class DilatedAttention(int stride) : KeyListAttention
{
    /// <inheritdoc/>
    public override string Spec => $"dilated:stride={stride}";

    /// <summary>Creates the method from a spec such as <c>dilated:stride=8</c>.</summary>
    public static DilatedAttention FromSpec(MethodSpec spec)
    {
        int stride = spec.Integer("stride", 1) ?? 8;
        spec.RefuseUnread("stride");
        return new DilatedAttention(stride);
    }

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
