using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>Quest by its definition, in fp64: the bound of every page for every query on its own.</summary>
internal sealed class QuestOracle(AttentionTensors tensors, int selected, int page)
{
    private readonly Dictionary<(int Batch, int Head, int Query), int[]> _keys = [];

    /// <summary>Bounds computed.</summary>
    public long Scored { get; private set; }

    /// <summary>The keys of a query.</summary>
    public IEnumerable<(int Key, double Bias)> Keys(int batch, int head, int query)
    {
        if (!_keys.TryGetValue((batch, head, query), out int[]? keys))
        {
            _keys.Add((batch, head, query), keys = Select(batch, head, query));
        }
        return keys.Select(key => (key, 0.0));
    }

    private int[] Select(int batch, int head, int query)
    {
        AttentionShape shape = tensors.Shape;
        int kvHead = head / shape.GroupSize, end = tensors.Causal ? shape.FirstQueryPosition + query + 1 : shape.Keys;
        int[] visible = [.. Enumerable.Range(0, end).Where(key => HyperOracle.IsKept(tensors, batch, kvHead, key))];
        int[][] pages = [.. visible.Chunk(page)];
        int[] last = pages.Length > 0 && (tensors.Causal || pages[^1].Length < page) ? pages[^1] : [];
        int[][] whole = pages[..^(last.Length > 0 ? 1 : 0)];
        int wanted = (selected + page - 1) / page;
        if (whole.Length * page <= wanted * page + whole.Length)
        {
            return visible;
        }
        Scored += whole.Length;
        return [.. whole.Select((keys, i) => (keys, i)).OrderByDescending(entry => Bound(batch, head, query, entry.keys)).ThenBy(entry => entry.i).Take(wanted).SelectMany(entry => entry.keys), .. last];
    }

    private double Bound(int batch, int head, int query, int[] keys)
    {
        AttentionShape shape = tensors.Shape;
        int d = shape.HeadDimension, kvHead = batch * shape.KeyValueHeads + head / shape.GroupSize;
        double sum = 0;
        for (int l = 0; l < d; l++)
        {
            double q = tensors.Queries[((batch * shape.QueryHeads + head) * shape.Queries + query) * d + l] / Math.Sqrt(d);
            sum += keys.Max(key => q * tensors.Keys[(kvHead * shape.Keys + key) * d + l]);
        }
        return sum + (tensors.KeyLogWeights.Length == 0 ? 0 : keys.Max(key => tensors.KeyLogWeights[kvHead * shape.Keys + key]));
    }
}
