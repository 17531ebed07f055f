namespace Prescore.Attention.Core;

/// <summary>The keys that their log-weights do not remove.</summary>
internal static class KeptKeys
{
    /// <summary>Positions in [first, end) whose log-weight is not −∞, ascending.</summary>
    public static int[] Between(AttentionCall call, int batch, int head, int first, int end)
    {
        if (end <= first)
        {
            return [];
        }
        int[] kept = new int[end - first];
        int count = 0;
        ReadOnlySpan<float> logWeights = call.KeyLogWeights(batch, head);
        for (int key = first; key < end; key++)
        {
            if (logWeights.IsEmpty || !float.IsNegativeInfinity(logWeights[key]))
            {
                kept[count++] = key;
            }
        }
        return count == kept.Length ? kept : kept[..count];
    }

    /// <summary>Number of positions in [first, end) whose log-weight is not −∞.</summary>
    public static int Count(AttentionCall call, int batch, int head, int first, int end)
    {
        ReadOnlySpan<float> logWeights = call.KeyLogWeights(batch, head);
        return end <= first ? 0 : end - first - (logWeights.IsEmpty ? 0 : logWeights[first..end].Count(float.NegativeInfinity));
    }
}
