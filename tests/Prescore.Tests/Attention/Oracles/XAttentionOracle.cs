using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>XAttention by its definition, in fp64: every antidiagonal sum on its own.</summary>
internal sealed class XAttentionOracle(AttentionTensors tensors, double threshold, int stride)
{
    private const int Block = 128;

    private readonly Dictionary<(int Batch, int Head, int Block), HashSet<int>> _chosen = [];

    /// <summary>Products of queries and keys in the sums.</summary>
    public long Scored { get; private set; }

    /// <summary>The keys of a query.</summary>
    public IEnumerable<(int Key, double Bias)> Keys(int batch, int head, int query)
    {
        int t = tensors.Shape.FirstQueryPosition + query, number = (int)Math.Floor((double)t / Block);
        if (!_chosen.TryGetValue((batch, head, number), out HashSet<int>? chosen))
        {
            _chosen.Add((batch, head, number), chosen = Choose(batch, head, number));
        }
        return Enumerable.Range(0, tensors.Causal ? t + 1 : tensors.Shape.Keys).Where(key => chosen.Contains(key / Block)).Select(key => (key, 0.0));
    }

    private HashSet<int> Choose(int batch, int head, int number)
    {
        AttentionShape shape = tensors.Shape;
        int[] positions = [.. Enumerable.Range(shape.FirstQueryPosition, shape.Queries).Where(t => Math.Floor((double)t / Block) == number)];
        int visible = tensors.Causal ? number + 1 : (shape.Keys + Block - 1) / Block;
        if (shape.Queries == 1 || threshold == 1 || visible <= (tensors.Causal ? 2 : 1))
        {
            return [.. Enumerable.Range(0, visible)];
        }
        var scores = new double[visible];
        foreach (IGrouping<int, int> queryStride in positions.GroupBy(t => (int)Math.Floor((double)t / stride)))
        {
            int strides = tensors.Causal ? queryStride.Key + 1 : (shape.Keys + stride - 1) / stride;
            Scored += (long)strides * queryStride.Count();
            double[] sums = [.. Enumerable.Range(0, strides).Select(j => queryStride.Sum(t => Product(batch, head, t, j * stride + stride - 1 - (t - queryStride.Key * stride))) / stride)];
            double largest = sums.Max(), total = sums.Sum(x => Math.Exp(x - largest));
            for (int j = 0; j < strides; j++)
            {
                scores[j * stride / Block] += Math.Exp(sums[j] - largest) / total;
            }
        }
        HashSet<int> chosen = tensors.Causal ? [0, visible - 1] : [];
        foreach (int block in Enumerable.Range(0, visible).OrderByDescending(block => scores[block]).ThenBy(block => block))
        {
            if (chosen.Sum(one => scores[one]) >= threshold * scores.Sum())
            {
                break;
            }
            chosen.Add(block);
        }
        return chosen;
    }

    private double Product(int batch, int head, int position, int key)
    {
        AttentionShape shape = tensors.Shape;
        if (key >= shape.Keys)
        {
            return 0;
        }
        int d = shape.HeadDimension;
        ReadOnlySpan<float> q = tensors.Queries.AsSpan(((batch * shape.QueryHeads + head) * shape.Queries + position - shape.FirstQueryPosition) * d, d);
        ReadOnlySpan<float> k = tensors.Keys.AsSpan(((batch * shape.KeyValueHeads + head / shape.GroupSize) * shape.Keys + key) * d, d);
        double sum = 0;
        for (int l = 0; l < d; l++)
        {
            sum += (double)q[l] * k[l];
        }
        return sum / Math.Sqrt(d);
    }
}
