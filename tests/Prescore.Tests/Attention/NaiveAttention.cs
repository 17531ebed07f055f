namespace Prescore.Tests.Attention;

/// <summary>The oracle: softmax over an explicit list of (key, bias) a query, in fp64.</summary>
internal static class NaiveAttention
{
    /// <summary>
    /// Output and log-sum-exp of one query over the keys it may see, and the norm the output would have without
    /// cancellation between the values: what a rounding error is to be measured against.
    /// </summary>
    public static (double[] Output, double LogSumExp, double Magnitude) Attend(
        AttentionTensors tensors, int batch, int head, int query, IEnumerable<(int Key, double Bias)> visible)
    {
        var shape = tensors.Shape;
        int d = shape.HeadDimension, dv = shape.ValueDimension, kvHead = head / shape.GroupSize;
        double scale = (double)(1 / MathF.Sqrt(d));
        var logits = new List<(int Key, double Logit)>();
        foreach ((int key, double bias) in visible)
        {
            double weight = tensors.KeyLogWeights.Length == 0 ? 0 : tensors.KeyLogWeights[(batch * shape.KeyValueHeads + kvHead) * shape.Keys + key];
            if (double.IsNegativeInfinity(weight))
            {
                continue;
            }
            double dot = 0;
            for (int l = 0; l < d; l++)
            {
                dot += (double)tensors.Queries[((batch * shape.QueryHeads + head) * shape.Queries + query) * d + l]
                    * tensors.Keys[((batch * shape.KeyValueHeads + kvHead) * shape.Keys + key) * d + l];
            }
            logits.Add((key, dot * scale + bias + weight));
        }
        var output = new double[dv];
        if (logits.Count == 0)
        {
            return (output, double.NegativeInfinity, 0);
        }
        double maximum = logits.Max(entry => entry.Logit);
        double sum = logits.Sum(entry => Math.Exp(entry.Logit - maximum));
        var magnitudes = new double[dv];
        foreach ((int key, double logit) in logits)
        {
            double weight = Math.Exp(logit - maximum) / sum;
            for (int c = 0; c < dv; c++)
            {
                double value = tensors.Values[((batch * shape.KeyValueHeads + kvHead) * shape.Keys + key) * dv + c];
                output[c] += weight * value;
                magnitudes[c] += weight * Math.Abs(value);
            }
        }
        return (output, maximum + Math.Log(sum), Math.Sqrt(magnitudes.Sum(x => x * x)));
    }

    /// <summary>The keys exact attention gives a query.</summary>
    public static IEnumerable<(int Key, double Bias)> Exact(AttentionTensors tensors, int query)
    {
        int end = tensors.Causal ? tensors.Shape.FirstQueryPosition + query + 1 : tensors.Shape.Keys;
        return Enumerable.Range(0, end).Select(key => (key, 0.0));
    }

    /// <summary>Asserts that outputs and log-sum-exp of all queries equal the oracle's over the given keys.</summary>
    public static void ShouldMatch(
        AttentionTensors tensors, Func<int, int, int, IEnumerable<(int Key, double Bias)>> visible, double tolerance = 1e-5)
    {
        for (int batch = 0; batch < tensors.Shape.Batch; batch++)
        {
            for (int head = 0; head < tensors.Shape.QueryHeads; head++)
            {
                for (int query = 0; query < tensors.Shape.Queries; query++)
                {
                    (double[] output, double logSumExp, double magnitude) = Attend(tensors, batch, head, query, visible(batch, head, query));
                    string where = $"batch {batch} head {head} query {query}";
                    double error = 0;
                    ReadOnlySpan<float> row = tensors.OutputRow(batch, head, query);
                    for (int c = 0; c < output.Length; c++)
                    {
                        error += Math.Pow(row[c] - output[c], 2);
                    }
                    Math.Sqrt(error).ShouldBeLessThanOrEqualTo(tolerance * magnitude, where);
                    if (double.IsNegativeInfinity(logSumExp))
                    {
                        tensors.LogSumExpOf(batch, head, query).ShouldBe(float.NegativeInfinity, where);
                    }
                    else
                    {
                        ((double)tensors.LogSumExpOf(batch, head, query)).ShouldBe(logSumExp, tolerance * Math.Max(1, Math.Abs(logSumExp)), where);
                    }
                }
            }
        }
    }
}
