using Prescore.Numerics;
using Prescore.Scoring;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>Selects, a head, the protected keys and those that a scorer of the library ranks highest.</summary>
internal sealed class KeySelector(IKeyScorer scorer, int count, AttentionModuleOptions options)
{
    /// <summary>Indices of the selected keys, ascending, a row a (sequence, head): [batch · heads][min(count, n)].</summary>
    public int[][] Select(HostKeys keys)
    {
        var selected = new int[keys.Batch * keys.Heads][];
        keys.ForEachHead(head => selected[head] = Select(keys, head));
        return selected;
    }

    /// <summary>Gathers the selected rows of keys or values [batch, heads, n, d], with gradient: [batch, heads, s, d].</summary>
    public static Tensor Gather(Tensor rows, Tensor indices) => rows.gather(2, indices.unsqueeze(-1).expand(-1, -1, -1, rows.shape[3]));

    /// <summary>The indices as a tensor [batch, heads, s] of 64-bit integers.</summary>
    public static Tensor ToTensor(int[][] selected, HostKeys keys) =>
        tensor(selected.SelectMany(row => row).Select(index => (long)index).ToArray(), [keys.Batch, keys.Heads, selected[0].Length]);

    private int[] Select(HostKeys keys, int head)
    {
        int taken = Math.Min(count, keys.Count);
        int kept = Math.Min(options.Protected, taken);
        var indices = new int[taken];
        for (int i = 0; i < kept; i++)
        {
            indices[i] = i;
        }
        if (kept == taken)
        {
            return indices;
        }
        KeyMatrix rest = keys[head].Slice(kept, keys.Count - kept);
        var scores = new float[rest.Count];
        using IFittedScorer fitted = scorer.Fit(rest, keys.Context(head, options, taken - kept));
        fitted.Score(rest, kept, scores);
        TopSelection.Select(scores, taken - kept, indices.AsSpan(kept));
        for (int i = kept; i < taken; i++)
        {
            indices[i] += kept;
        }
        return indices;
    }
}
