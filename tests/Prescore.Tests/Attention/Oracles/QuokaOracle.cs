using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>QuoKA by its definition, in fp64: every cosine of every chooser and key on its own.</summary>
internal sealed class QuokaOracle(AttentionTensors tensors, int selected, int representatives, int chunk)
{
    private readonly Dictionary<(int Batch, int Head, int Chunk), HashSet<int>> _chosen = [];

    /// <summary>Cosines of choosers and keys.</summary>
    public long Scored { get; private set; }

    /// <summary>The keys of a query.</summary>
    public IEnumerable<(int Key, double Bias)> Keys(int batch, int head, int query)
    {
        AttentionShape shape = tensors.Shape;
        int t = shape.FirstQueryPosition + query, kvHead = head / shape.GroupSize, number = (int)Math.Floor((double)t / chunk);
        if (!_chosen.TryGetValue((batch, kvHead, number), out HashSet<int>? chosen))
        {
            _chosen.Add((batch, kvHead, number), chosen = Choose(batch, kvHead, number));
        }
        return Enumerable.Range(0, tensors.Causal ? t + 1 : shape.Keys)
            .Where(key => (tensors.Causal && key >= number * chunk) || chosen.Contains(key))
            .Select(key => (key, 0.0));
    }

    private HashSet<int> Choose(int batch, int kvHead, int number)
    {
        AttentionShape shape = tensors.Shape;
        int[] queries = [.. Enumerable.Range(0, shape.Queries).Where(query => Math.Floor((double)(shape.FirstQueryPosition + query) / chunk) == number)];
        int[] keys = [.. Enumerable.Range(0, tensors.Causal ? number * chunk : shape.Keys).Where(key => HyperOracle.IsKept(tensors, batch, kvHead, key))];
        int choosers = Math.Min(representatives, queries.Length), rows = queries.Length * shape.GroupSize;
        if ((long)rows * (keys.Length - (long)selected) <= (long)choosers * keys.Length)
        {
            return [.. keys];
        }
        Scored += (long)choosers * keys.Length;
        double[][][] byHead = [.. Enumerable.Range(kvHead * shape.GroupSize, shape.GroupSize).Select(head => LeastLikeTheMean(batch, head, queries, choosers))];
        return [.. keys
            .OrderByDescending(key => Enumerable.Range(0, choosers).Max(rank => byHead.Average(head => Cosine(head[rank], Row(tensors.Keys, batch * shape.KeyValueHeads + kvHead, shape.Keys, key)))))
            .ThenBy(key => key)
            .Take(selected)];
    }

    private double[][] LeastLikeTheMean(int batch, int head, int[] queries, int choosers)
    {
        double[][] rows = [.. queries.Select(query => Row(tensors.Queries, batch * tensors.Shape.QueryHeads + head, tensors.Shape.Queries, query))];
        double[] mean = [.. Enumerable.Range(0, tensors.Shape.HeadDimension).Select(l => rows.Average(row => row[l]))];
        return [.. rows.OrderBy(row => Cosine(row, mean)).Take(choosers)];
    }

    private double[] Row(float[] data, int head, int rows, int row)
    {
        int d = tensors.Shape.HeadDimension;
        return [.. data.AsSpan((head * rows + row) * d, d).ToArray().Select(x => (double)x)];
    }

    private static double Cosine(double[] x, double[] y)
    {
        double norms = Math.Sqrt(x.Sum(a => a * a) * y.Sum(a => a * a));
        return norms > 0 ? x.Zip(y, (a, b) => a * b).Sum() / norms : 0;
    }
}
