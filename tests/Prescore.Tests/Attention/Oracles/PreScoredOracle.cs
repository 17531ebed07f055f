using Prescore.Attention.Contracts;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>Pre-scored selections replayed from the beginning for every question, one key at a time.</summary>
internal sealed class PreScoredOracle(AttentionTensors tensors, IKeyScorer scorer, int selected, int window, AttentionOptions options)
{
    private readonly Dictionary<(int, int, int), int[]> _streams = [];

    /// <summary>The keys of a query with <c>inner=exact</c>.</summary>
    public IEnumerable<(int Key, double Bias)> Keys(int batch, int head, int query)
    {
        int keyValueHead = head / tensors.Shape.GroupSize;
        if (!tensors.Causal)
        {
            int[] top = Top(batch, keyValueHead, Kept(batch, keyValueHead, 0, tensors.Shape.Keys));
            return top.Select(key => (key, 0.0));
        }
        int t = tensors.Shape.FirstQueryPosition + query;
        int block = t / 256;
        if (!_streams.TryGetValue((batch, keyValueHead, block), out int[]? far))
        {
            far = Far(batch, keyValueHead, block);
            _streams.Add((batch, keyValueHead, block), far);
        }
        return Enumerable.Range(0, t + 1)
            .Where(key => key < 4 || key >= block * 256L - window || far.Contains(key))
            .Select(key => (key, 0.0));
    }

    /// <summary>The keys of a segment with <c>inner=hyper</c>.</summary>
    public (int[] Hashed, int[] Always) Segment(int batch, int keyValueHead, int firstKey, int endKey)
    {
        int sinks = tensors.Causal ? Math.Max(firstKey, Math.Min(4, endKey)) : firstKey;
        int[] ranked = Kept(batch, keyValueHead, sinks, endKey);
        return selected >= ranked.Length
            ? (Kept(batch, keyValueHead, firstKey, endKey), [])
            : (Top(batch, keyValueHead, ranked), Kept(batch, keyValueHead, firstKey, sinks));
    }

    /// <summary>The selected ones of some keys, scored by a fit on others.</summary>
    public int[] Top(int batch, int keyValueHead, int[] fittedOn, int[] keys) =>
        keys.Length <= selected ? keys : Best(keys, Score(Fit(batch, keyValueHead, fittedOn), batch, keyValueHead, keys));

    private int[] Kept(int batch, int keyValueHead, long first, long end) =>
        [.. Enumerable.Range(0, tensors.Shape.Keys).Where(key => key >= first && key < end && HyperOracle.IsKept(tensors, batch, keyValueHead, key))];

    private int[] Top(int batch, int keyValueHead, int[] keys) => Top(batch, keyValueHead, keys, keys);

    private int[] Far(int batch, int keyValueHead, int block)
    {
        int[] FarOf(int b) => Kept(batch, keyValueHead, 4, b * 256L - window);

        int[] fittedOn = [];
        for (int b = 0; b <= block; b++)
        {
            int[] known = FarOf(b);
            if (known.Length > 0 && known.Length >= 1.3m * fittedOn.Length)
            {
                fittedOn = known;
            }
        }
        int[] far = FarOf(block);
        return Top(batch, keyValueHead, fittedOn, far);
    }

    private IFittedScorer Fit(int batch, int keyValueHead, int[] keys)
    {
        int count = Math.Min(1024, keys.Length);
        int[] sample = [.. Enumerable.Range(0, count).Select(i => keys[(int)((long)i * keys.Length / count)])];
        var matrix = new KeyMatrix
        {
            Values = sample.SelectMany(key => Key(batch, keyValueHead, key)).ToArray(),
            Count = count,
            Dimension = tensors.Shape.HeadDimension,
        };
        return scorer.Fit(matrix, new ScoringContext(options.Seed, options.Layer, keyValueHead, keys[0], selected, options.Simd));
    }

    private float[] Score(IFittedScorer fitted, int batch, int keyValueHead, int[] keys)
    {
        var scores = new float[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            var one = new KeyMatrix { Values = Key(batch, keyValueHead, keys[i]), Count = 1, Dimension = tensors.Shape.HeadDimension };
            fitted.Score(one, keys[i], scores.AsSpan(i, 1));
        }
        return scores;
    }

    private int[] Best(int[] keys, float[] scores)
    {
        double mean = scores.Average(x => (double)x);
        double deviation = Math.Sqrt(scores.Average(x => (x - mean) * (x - mean)));
        IEnumerable<int> best = deviation < 1e-3 * Math.Abs(mean) || deviation == 0
            ? Enumerable.Range(0, selected).Select(i => (int)((long)i * keys.Length / selected))
            : Enumerable.Range(0, keys.Length).OrderByDescending(i => scores[i]).ThenBy(i => i).Take(selected);
        return [.. best.Select(i => keys[i])];
    }

    private float[] Key(int batch, int keyValueHead, int key)
    {
        int d = tensors.Shape.HeadDimension;
        return tensors.Keys.AsSpan(((batch * tensors.Shape.KeyValueHeads + keyValueHead) * tensors.Shape.Keys + key) * d, d).ToArray();
    }
}
