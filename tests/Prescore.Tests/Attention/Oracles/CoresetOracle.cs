using Prescore.Attention.Contracts;
using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>
/// Weighted representatives replayed from the beginning for every question: means in fp64 over plain lists of members. Only
/// the fit of the centres is the library's. <paramref name="top"/> gives the selected keys among candidates that were
/// scored by a fit on others; null: none.
/// </summary>
internal sealed class CoresetOracle(
    AttentionTensors tensors, int count, int window, int protect, int steps, AttentionOptions options, Func<int, int, int[], int[], int[]>? top = null)
{
    private readonly Dictionary<(int, int, int), List<Term>> _terms = [];

    /// <summary>Key, value and additive log-weight of what a query attends.</summary>
    public sealed record Term(double[] Key, double[] Value, double LogWeight);

    /// <summary>What a query attends.</summary>
    public IEnumerable<Term> Of(int batch, int head, int query)
    {
        int keyValueHead = head / tensors.Shape.GroupSize;
        int t = tensors.Shape.FirstQueryPosition + query;
        int block = tensors.Causal ? t / 256 : -1;
        if (!_terms.TryGetValue((batch, keyValueHead, block), out List<Term>? shared))
        {
            shared = tensors.Causal ? Far(batch, keyValueHead, block) : Whole(batch, keyValueHead);
            _terms.Add((batch, keyValueHead, block), shared);
        }
        IEnumerable<int> near = tensors.Causal
            ? Kept(batch, keyValueHead, 0, t + 1).Where(key => key < 4 || key >= block * 256L - window)
            : Kept(batch, keyValueHead, 0, protect);
        return [.. shared, .. near.Select(key => Single(batch, keyValueHead, key))];
    }

    /// <summary>Asserts outputs, log-sum-exps and the number of interactions.</summary>
    public void ShouldMatch(AttentionReport report)
    {
        long interactions = 0;
        AttentionShape shape = tensors.Shape;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.QueryHeads; head++)
            {
                for (int query = 0; query < shape.Queries; query++)
                {
                    Term[] terms = [.. Of(batch, head, query)];
                    interactions += terms.Length;
                    Check(terms, batch, head, query);
                }
            }
        }
        report.Interactions.ShouldBe(interactions);
    }

    private void Check(Term[] terms, int batch, int head, int query)
    {
        AttentionShape shape = tensors.Shape;
        int d = shape.HeadDimension;
        ReadOnlySpan<float> queries = tensors.Queries.AsSpan(((batch * shape.QueryHeads + head) * shape.Queries + query) * d, d);
        double[] q = [.. queries.ToArray().Select(x => (double)x)];
        double[] logits = [.. terms.Select(term => term.LogWeight + term.Key.Zip(q, (a, b) => a * b).Sum() / Math.Sqrt(d))];
        string where = $"batch {batch} head {head} query {query}";
        ReadOnlySpan<float> actual = tensors.OutputRow(batch, head, query);
        if (terms.Length == 0)
        {
            actual.ToArray().ShouldAllBe(x => x == 0, where);
            tensors.LogSumExpOf(batch, head, query).ShouldBe(float.NegativeInfinity, where);
            return;
        }
        double maximum = logits.Max();
        double sum = logits.Sum(logit => Math.Exp(logit - maximum));
        double error = 0, magnitude = 0;
        for (int c = 0; c < shape.ValueDimension; c++)
        {
            double expected = 0, size = 0;
            for (int i = 0; i < terms.Length; i++)
            {
                double weight = Math.Exp(logits[i] - maximum) / sum;
                expected += weight * terms[i].Value[c];
                size += weight * Math.Abs(terms[i].Value[c]);
            }
            error += Math.Pow(actual[c] - expected, 2);
            magnitude += size * size;
        }
        Math.Sqrt(error).ShouldBeLessThanOrEqualTo(1e-5 * Math.Sqrt(magnitude), where);
        double logSumExp = maximum + Math.Log(sum);
        ((double)tensors.LogSumExpOf(batch, head, query)).ShouldBe(logSumExp, 1e-5 * Math.Max(1, Math.Abs(logSumExp)), where);
    }

    private List<Term> Whole(int batch, int head)
    {
        int[] ranked = Kept(batch, head, protect, tensors.Shape.Keys);
        int[] selected = top?.Invoke(batch, head, ranked, ranked) ?? [];
        int[] left = [.. ranked.Except(selected)];
        return [.. selected.Select(key => Single(batch, head, key)), .. Represent(batch, head, left, left)];
    }

    private List<Term> Far(int batch, int head, int block)
    {
        int[] FarOf(int b) => Kept(batch, head, 4, b * 256L - window);

        int fittedBlock = 0;
        for (int b = 1; b <= block; b++)
        {
            if (FarOf(b).Length > 0 && FarOf(b).Length >= 1.3m * FarOf(fittedBlock).Length)
            {
                fittedBlock = b;
            }
        }
        int[] far = FarOf(block), first = FarOf(fittedBlock);
        int[] selected = top?.Invoke(batch, head, first, far) ?? [];
        int[] leftAtFirst = [.. first.Except(top?.Invoke(batch, head, first, first) ?? [])];
        int[] fit = leftAtFirst.Length > count ? leftAtFirst : first;
        return [.. selected.Select(key => Single(batch, head, key)), .. Represent(batch, head, fit, [.. far.Except(selected)])];
    }

    private IEnumerable<Term> Represent(int batch, int head, int[] fit, int[] keys)
    {
        if (keys.Length <= count)
        {
            return keys.Select(key => Single(batch, head, key));
        }
        int fitted = Math.Min(fit.Length, Math.Max(1024, count));
        int[] sample = [.. Enumerable.Range(0, fitted).Select(i => fit[(int)((long)i * fit.Length / fitted)])];
        using CentreSet centres = KMeans.Fit(
            Matrix(batch, head, sample), Math.Min(count, fit.Length), new RandomOrigin(options.Seed, options.Layer, head, fit[0]),
            new int[fitted], steps, options.Simd).Centres;
        return keys.GroupBy(key => Nearest(centres, Key(batch, head, key))).OrderBy(cluster => cluster.Key).Select(cluster => Mean(batch, head, [.. cluster]));
    }

    private Term Mean(int batch, int head, int[] members)
    {
        double[] weights = [.. members.Select(key => Math.Exp(LogWeight(batch, head, key)))];
        double total = weights.Sum();
        double[] Average(Func<int, double[]> row, int columns) =>
            [.. Enumerable.Range(0, columns).Select(c => members.Select((key, i) => weights[i] * row(key)[c]).Sum() / total)];
        return new Term(
            Average(key => Key(batch, head, key), tensors.Shape.HeadDimension),
            Average(key => Value(batch, head, key), tensors.Shape.ValueDimension),
            Math.Log(total));
    }

    private static int Nearest(CentreSet centres, double[] key) =>
        Enumerable.Range(0, centres.Count).MinBy(j => key.Select((x, l) => Math.Pow(x - centres[j][l], 2)).Sum());

    private Term Single(int batch, int head, int key) => new(Key(batch, head, key), Value(batch, head, key), LogWeight(batch, head, key));

    private double LogWeight(int batch, int head, int key) =>
        tensors.KeyLogWeights.Length == 0 ? 0 : tensors.KeyLogWeights[(batch * tensors.Shape.KeyValueHeads + head) * tensors.Shape.Keys + key];

    private double[] Key(int batch, int head, int key) => Row(tensors.Keys, batch, head, key, tensors.Shape.HeadDimension);

    private double[] Value(int batch, int head, int key) => Row(tensors.Values, batch, head, key, tensors.Shape.ValueDimension);

    private double[] Row(float[] rows, int batch, int head, int row, int columns) =>
        [.. rows.AsSpan(((batch * tensors.Shape.KeyValueHeads + head) * tensors.Shape.Keys + row) * columns, columns).ToArray().Select(x => (double)x)];

    private KeyMatrix Matrix(int batch, int head, int[] rows) => new()
    {
        Values = rows.SelectMany(row => Key(batch, head, row).Select(x => (float)x)).ToArray(),
        Count = rows.Length,
        Dimension = tensors.Shape.HeadDimension,
    };

    private int[] Kept(int batch, int head, long first, long end) =>
        [.. Enumerable.Range(0, tensors.Shape.Keys).Where(key => key >= first && key < end && HyperOracle.IsKept(tensors, batch, head, key))];
}
