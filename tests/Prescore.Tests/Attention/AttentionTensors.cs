using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention;

/// <summary>Random inputs and poisoned outputs of one attention call, dense heads-first.</summary>
internal sealed class AttentionTensors
{
    public AttentionTensors(AttentionShape shape, bool causal, int seed = 1, float magnitude = 1)
    {
        Shape = shape;
        Causal = causal;
        var random = new Random(seed);
        Queries = Gaussian(random, shape.Batch * shape.QueryHeads * shape.Queries * shape.HeadDimension, magnitude);
        Keys = Gaussian(random, shape.Batch * shape.KeyValueHeads * shape.Keys * shape.HeadDimension, magnitude);
        Values = Gaussian(random, shape.Batch * shape.KeyValueHeads * shape.Keys * shape.ValueDimension, 1);
        Output = new float[shape.Batch * shape.QueryHeads * shape.Queries * shape.ValueDimension];
        LogSumExp = new float[shape.Batch * shape.QueryHeads * shape.Queries];
        Poison();
    }

    public AttentionShape Shape { get; }

    public bool Causal { get; }

    public float[] Queries { get; }

    public float[] Keys { get; }

    public float[] Values { get; }

    public float[] KeyLogWeights { get; set; } = [];

    public float[] Output { get; private set; }

    public float[] LogSumExp { get; private set; }

    public AttentionInput Input => new()
    {
        Shape = Shape,
        Queries = Queries,
        Keys = Keys,
        Values = Values,
        KeyLogWeights = KeyLogWeights,
        Causal = Causal,
    };

    public static AttentionShape ShapeOf(int queries, int keys, int queryHeads = 2, int keyValueHeads = 1, int dimension = 16, int valueDimension = 0, int batch = 1) => new()
    {
        Batch = batch,
        QueryHeads = queryHeads,
        KeyValueHeads = keyValueHeads,
        Queries = queries,
        Keys = keys,
        HeadDimension = dimension,
        ValueDimension = valueDimension,
    };

    public AttentionReport Run(IAttention attention, AttentionOptions? options = null) =>
        attention.Compute(Input, new AttentionOutput { Output = Output, LogSumExp = LogSumExp }, options ?? AttentionOptions.Default);

    public ReadOnlySpan<float> OutputRow(int batch, int head, int query) =>
        Output.AsSpan(((batch * Shape.QueryHeads + head) * Shape.Queries + query) * Shape.ValueDimension, Shape.ValueDimension);

    public float LogSumExpOf(int batch, int head, int query) => LogSumExp[(batch * Shape.QueryHeads + head) * Shape.Queries + query];

    /// <summary>Dense [heads, rows, columns] as dense [rows, heads, columns].</summary>
    public static float[] RowsFirst(float[] headsFirst, int heads, int rows, int columns)
    {
        var result = new float[headsFirst.Length];
        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < rows; row++)
            {
                headsFirst.AsSpan((head * rows + row) * columns, columns).CopyTo(result.AsSpan((row * heads + head) * columns));
            }
        }
        return result;
    }

    public void Poison()
    {
        Output = [.. Output.Select(_ => float.NaN)];
        LogSumExp = [.. LogSumExp.Select(_ => float.NaN)];
    }

    private static float[] Gaussian(Random random, int count, float magnitude)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = magnitude * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        return values;
    }
}
