namespace Prescore.Tests.Families;

/// <summary>
/// The oracle of model families: the plainest decoder (Llama's), written down in double precision from the tensors of a
/// <see cref="RandomFolder"/>. A family's oracle overrides the step in which it differs.
/// </summary>
internal class NaiveDecoder(RandomFolder model)
{
    private const double Theta = 10000;

    /// <summary>Dimensions of a head that are rotated, j with j + half of them.</summary>
    protected virtual int Rotated => RandomFolder.HeadSize;

    /// <summary>Logits of all positions, one row after the other.</summary>
    public double[] Logits(int[] tokens)
    {
        double[][] rows = [.. tokens.Select(token => Row("model.embed_tokens", token))];
        for (int layer = 0; layer < RandomFolder.Layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            rows = Layer(prefix, rows);
        }
        return [.. rows.SelectMany(row => Project("lm_head", Norm("model.norm", row)))];
    }

    /// <summary>One layer: attention and feed-forward, each on what was normed and added to what was not.</summary>
    protected virtual double[][] Layer(string prefix, double[][] rows)
    {
        rows = Add(rows, Attention(prefix, [.. rows.Select(row => Norm(prefix + "input_layernorm", row))]));
        return Add(rows, [.. rows.Select(row => FeedForward(prefix, Norm(prefix + "post_attention_layernorm", row)))]);
    }

    /// <summary>A norm of a whole row: RMSNorm.</summary>
    protected virtual double[] Norm(string name, double[] row)
    {
        double root = Math.Sqrt(row.Average(x => x * x) + 1e-5);
        return [.. row.Zip(Vector(name + ".weight"), (x, weight) => x / root * weight)];
    }

    /// <summary>Queries or keys of all heads before rotation; nothing is done to them.</summary>
    protected virtual double[] BeforeRotation(string name, double[] heads) => heads;

    /// <summary>Attention's branch, its output projection included.</summary>
    protected double[][] Attention(string prefix, double[][] rows)
    {
        double[][] queries = Heads("q"), keys = Heads("k"), values = [.. rows.Select(row => Project(prefix + "self_attn.v_proj", row))];
        return [.. rows.Select((_, t) => Project(prefix + "self_attn.o_proj", [.. Enumerable.Range(0, RandomFolder.QueryHeads).SelectMany(head => Attend(t, head))]))];

        double[][] Heads(string which) => [.. rows.Select((row, t) => Rotate(
            BeforeRotation($"{prefix}self_attn.{which}_norm", Project($"{prefix}self_attn.{which}_proj", row)), t))];

        double[] Attend(int t, int head)
        {
            const int D = RandomFolder.HeadSize;
            int shared = head / (RandomFolder.QueryHeads / RandomFolder.KeyValueHeads) * D;
            double[] weights = [.. Enumerable.Range(0, t + 1).Select(key =>
                Math.Exp(Enumerable.Range(0, D).Sum(l => queries[t][head * D + l] * keys[key][shared + l]) / Math.Sqrt(D)))];
            return [.. Enumerable.Range(0, D).Select(l => weights.Select((weight, key) => weight * values[key][shared + l]).Sum() / weights.Sum())];
        }
    }

    /// <summary>The feed-forward branch: SwiGLU.</summary>
    protected double[] FeedForward(string prefix, double[] row)
    {
        double[] gate = Project(prefix + "mlp.gate_proj", row), up = Project(prefix + "mlp.up_proj", row);
        return Project(prefix + "mlp.down_proj", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]);
    }

    protected static double[][] Add(double[][] stream, double[][] branch) =>
        [.. stream.Zip(branch, (row, other) => row.Zip(other, (x, y) => x + y).ToArray())];

    protected double[] Vector(string name) => [.. model.Tensors[name].Values.Select(x => (double)x)];

    /// <summary>The matrix times the row, and the bias where there is one.</summary>
    private double[] Project(string name, double[] row)
    {
        int outputs = (int)model.Tensors[name + ".weight"].Shape[0];
        double[] product = [.. Enumerable.Range(0, outputs).Select(output => Row(name, output).Zip(row, (weight, x) => weight * x).Sum())];
        return model.Tensors.ContainsKey(name + ".bias") ? [.. product.Zip(Vector(name + ".bias"), (x, bias) => x + bias)] : product;
    }

    private double[] Row(string name, int row)
    {
        (long[] shape, float[] values) = model.Tensors[name + ".weight"];
        int columns = (int)shape[1];
        return [.. values.AsSpan(row * columns, columns).ToArray().Select(x => (double)x)];
    }

    private double[] Rotate(double[] heads, int position)
    {
        double[] turned = [.. heads];
        for (int head = 0; head < heads.Length; head += RandomFolder.HeadSize)
        {
            for (int j = 0; j < Rotated / 2; j++)
            {
                double angle = position * Math.Pow(Theta, -2.0 * j / Rotated), x = heads[head + j], y = heads[head + j + Rotated / 2];
                turned[head + j] = x * Math.Cos(angle) - y * Math.Sin(angle);
                turned[head + j + Rotated / 2] = x * Math.Sin(angle) + y * Math.Cos(angle);
            }
        }
        return turned;
    }
}
