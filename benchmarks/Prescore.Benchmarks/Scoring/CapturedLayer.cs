using Prescore.Attention;
using Prescore.Models.Architectures;
using Prescore.Models.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Benchmarks.Scoring;

/// <summary>
/// Queries, keys and values of one layer of the repository's model on the repository's text, as projection layers write
/// them: [tokens, heads, d].
/// </summary>
internal sealed class CapturedLayer
{
    /// <summary>An early layer, since those before it have to be run; scoring takes the same time in all.</summary>
    private const int Layer = 4;

    private const string ModelFile = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
    private const string TextFile = "texts/war-and-peace-part.txt";

    private readonly CacheShape _heads;
    private readonly float[] _queries;
    private readonly float[] _keys;
    private readonly float[] _values;
    private readonly float[] _output;

    private CapturedLayer(CacheShape heads, float[] queries, float[] keys, float[] values)
    {
        (_heads, _queries, _keys, _values) = (heads, queries, keys, values);
        _output = new float[queries.Length];
    }

    /// <summary>What the data is.</summary>
    public static string Description { get; } = $"{Path.GetFileName(ModelFile)} on {Path.GetFileName(TextFile)}, layer {Layer}";

    /// <summary>Runs the model with exact attention as far as the layer; beyond the trained context with YaRN.</summary>
    /// <param name="tokens">Number n of tokens.</param>
    /// <param name="threads">Threads.</param>
    public static CapturedLayer Capture(int tokens, int threads)
    {
        string modelPath = Path.Combine(RepositoryRoot(), ModelFile);
        int[] ids = Encode(modelPath, tokens);
        using CausalModel model = Load(modelPath, tokens, threads);
        using var session = new CausalSession(model, new ExactAttention(), new AttentionOptions { Threads = threads });
        using var captured = new CancellationTokenSource();
        CapturedLayer? result = null;
        session.OnAttention = (layer, queries, keys, values, _) =>
        {
            if (layer == Layer)
            {
                result = new CapturedLayer(model.AttentionShape, queries.ToArray(), keys.ToArray(), values.ToArray());
                captured.Cancel();
            }
        };
        try
        {
            session.Append(ids, [], cancellationToken: captured.Token);
        }
        catch (OperationCanceledException) when (result is not null)
        {
            // The later layers are of no interest.
        }
        return result!;
    }

    /// <summary>Runs a method causally on the first <paramref name="tokens"/> tokens.</summary>
    public AttentionReport Run(IAttention method, int tokens, AttentionOptions options)
    {
        var shape = new AttentionShape
        {
            QueryHeads = _heads.QueryHeads,
            KeyValueHeads = _heads.KeyValueHeads,
            Queries = tokens,
            Keys = tokens,
            HeadDimension = _heads.HeadDimension,
            ValueDimension = _heads.ValueDimension,
        };
        HeadLayout queryLayout = HeadLayout.RowsFirst(shape.QueryHeads, tokens, shape.HeadDimension);
        HeadLayout keyLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, tokens, shape.HeadDimension);
        return method.Compute(
            new AttentionInput
            {
                Shape = shape,
                Queries = _queries,
                QueryLayout = queryLayout,
                Keys = _keys,
                KeyLayout = keyLayout,
                Values = _values,
                ValueLayout = keyLayout,
                Causal = true,
            },
            new AttentionOutput { Output = _output, Layout = queryLayout },
            options with { Layer = Layer });
    }

    private static int[] Encode(string modelPath, int tokens)
    {
        using GgufFile file = GgufFile.Open(modelPath);
        return GgufTokenizer.FromGguf(file).EncodePrefix(File.ReadAllText(Path.Combine(RepositoryRoot(), TextFile)), tokens);
    }

    private static CausalModel Load(string path, int tokens, int threads)
    {
        const int trainedContext = 8192;
        return CausalModel.Load(path, new ModelOptions
        {
            Threads = threads,
            Rope = tokens > trainedContext ? new RopeScaling((double)tokens / trainedContext) : null,
        });
    }

    private static string RepositoryRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Prescore.slnx")))
            {
                return at.FullName;
            }
        }
        throw new InvalidOperationException("the benchmarks run outside the repository");
    }
}
