using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Layers;
using Prescore.Models.Tokenizers;
using Prescore.Specs;

namespace Prescore.Experiments.Layers;

/// <summary>
/// Queries, keys and values of some layers of a model while it reads a text. The layers below attend exactly up to
/// <see cref="LongestExact"/> tokens and by Clustered beyond, where exact would take most of the time, unless a method is
/// given. Beyond the trained context the positions are scaled by YaRN of factor n / trained context, so each such length
/// is a run of its own; up to it one run gives all lengths, as their tokens see nothing that comes later.
/// </summary>
public sealed class CapturedLayers : ILayerSource
{
    /// <summary>Longest run whose layers attend exactly where no method is given.</summary>
    public const int LongestExact = 32768;

    /// <summary>The method beyond <see cref="LongestExact"/>.</summary>
    public const string BeyondExact = "clustered:error=0.1";

    /// <summary>Layers 4, 12 and 20 of 30, an early, a middle and a late one; in other models at the same depth.</summary>
    private static readonly double[] Depths = [4 / 30.0, 12 / 30.0, 20 / 30.0];

    private readonly string _modelPath;
    private readonly int[] _layers;
    private readonly AttentionOptions _options;
    private readonly string? _captureWith;
    private readonly int[] _tokens;
    private readonly int _trainedContext;
    private readonly int _longestUnscaled;
    private IReadOnlyList<LayerTensors> _unscaled = [];

    /// <summary>Reads the model's header and the text.</summary>
    /// <param name="modelPath">Model file.</param>
    /// <param name="textPath">Text file.</param>
    /// <param name="layers">Layers to capture, counted from 0; null: an early, a middle and a late one.</param>
    /// <param name="lengths">All lengths that will be loaded.</param>
    /// <param name="options">Threads and SIMD path of the model.</param>
    /// <param name="captureWith">Method of the layers below the captured ones; null: as said above.</param>
    /// <exception cref="Models.Formats.ModelFormatException">The model cannot be used.</exception>
    /// <exception cref="BadInputException">The model lacks one of the layers.</exception>
    /// <exception cref="MethodSpecException"><paramref name="captureWith"/> cannot be understood.</exception>
    /// <exception cref="BudgetException"><paramref name="captureWith"/> cannot keep its budget at a length.</exception>
    public CapturedLayers(
        string modelPath,
        string textPath,
        IReadOnlyList<int>? layers,
        IReadOnlyList<int> lengths,
        AttentionOptions options,
        string? captureWith = null)
        : this(modelPath, Path.GetFileName(textPath), ReadFile(textPath), layers, lengths, options, captureWith)
    {
    }

    /// <summary>Reads the model's header and the text.</summary>
    /// <inheritdoc cref="CapturedLayers(string, string, IReadOnlyList{int}?, IReadOnlyList{int}, AttentionOptions, string?)"/>
    /// <param name="modelPath">Model file.</param>
    /// <param name="text">The text; read at once.</param>
    /// <param name="layers">Layers to capture, counted from 0; null: an early, a middle and a late one.</param>
    /// <param name="lengths">All lengths that will be loaded.</param>
    /// <param name="options">Threads and SIMD path of the model.</param>
    /// <param name="captureWith">Method of the layers below the captured ones; null: as said above.</param>
    public CapturedLayers(
        string modelPath,
        TextInput text,
        IReadOnlyList<int>? layers,
        IReadOnlyList<int> lengths,
        AttentionOptions options,
        string? captureWith = null)
        : this(modelPath, text.Name, (tokenizer, count) => TokenPrefix.Read(tokenizer, text, count), layers, lengths, options, captureWith)
    {
    }

    private CapturedLayers(
        string modelPath,
        string textName,
        Func<ITokenizer, int, int[]> readTokens,
        IReadOnlyList<int>? layers,
        IReadOnlyList<int> lengths,
        AttentionOptions options,
        string? captureWith)
    {
        using GgufFile file = GgufFile.Open(modelPath);
        string architecture = file.Metadata.GetString("general.architecture");
        int count = file.Metadata.GetCount($"{architecture}.block_count");
        _layers = [.. layers ?? [.. Depths.Select(depth => Math.Min(count - 1, (int)(depth * count + 0.5))).Distinct()]];
        if (_layers.Max() >= count)
        {
            throw new BadInputException(
                $"{Path.GetFileName(modelPath)} has {count} layers, but layer {_layers.Max()} is wanted (counted from 0)");
        }
        ModelLayers = count;
        _options = options;
        _captureWith = captureWith;
        _modelPath = modelPath;
        _trainedContext = file.Metadata.GetCount($"{architecture}.context_length");
        _longestUnscaled = lengths.Where(length => length <= _trainedContext).DefaultIfEmpty(0).Max();
        _tokens = readTokens(GgufTokenizer.FromGguf(file), lengths.Max());
        foreach (int run in lengths.Where(length => length > _trainedContext).Append(Math.Max(1, _longestUnscaled)))
        {
            MethodAt(run);
        }
        string with = captureWith is not null && captureWith != "exact" ? $", captured with {captureWith}"
            : captureWith is null && lengths.Max() > LongestExact ? $", beyond n = {LongestExact} captured with {BeyondExact}"
            : "";
        Description = $"{(_layers.Length == 1 ? "layer" : "layers")} {string.Join(", ", _layers)} of {Path.GetFileName(modelPath)} on {textName}{with}";
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <summary>The captured layers, counted from 0.</summary>
    public IReadOnlyList<int> Layers => _layers;

    /// <summary>Layers of the model.</summary>
    public int ModelLayers { get; }

    /// <summary>Tokens that the model was trained on.</summary>
    public int TrainedContext => _trainedContext;

    /// <inheritdoc/>
    public int MaximumTokens => _tokens.Length;

    /// <inheritdoc/>
    public IReadOnlyList<LayerTensors> Load(int tokens, IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        if (tokens > _trainedContext)
        {
            var scaling = new YarnScaling((double)tokens / _trainedContext);
            return Capture(tokens, scaling, progress, cancellationToken);
        }
        if (_unscaled.Count == 0)
        {
            _unscaled = Capture(_longestUnscaled, scaling: null, progress, cancellationToken);
        }
        return [.. _unscaled.Select(layer => layer.Prefix(tokens))];
    }

    private static Func<ITokenizer, int, int[]> ReadFile(string path) => (tokenizer, count) =>
    {
        using TextInput text = TextInput.Open(path);
        return TokenPrefix.Read(tokenizer, text, count);
    };

    /// <summary>The method of the layers below in a run of some tokens.</summary>
    private IAttention MethodAt(int tokens)
    {
        string spec = _captureWith ?? (tokens > LongestExact ? BeyondExact : "exact");
        // Budgets are a matter of positions; heads do not matter.
        var shape = new AttentionShape { QueryHeads = 1, KeyValueHeads = 1, Queries = tokens, Keys = tokens, HeadDimension = 1 };
        return MethodRequest.Parse([spec], budget: null)[^1].Resolve(shape, causal: true);
    }

    private LayerTensors[] Capture(
        int tokens, RopeScaling? scaling, IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        var loading = new ModelOptions { Rope = scaling, AllowLong = true, Threads = _options.Threads, Simd = _options.Simd };
        using CausalModel model = CausalModel.Load(_modelPath, loading, cancellationToken);
        MemoryEstimate captures = LayerMemory.Estimate(Shape(model.AttentionShape, tokens), inputs: _layers.Length, outputs: 0);
        (MemoryEstimate.OfSequence(model, tokens, tokens) + captures).Require(MemoryEstimate.Available());
        IAttention attention = MethodAt(tokens);
        using var session = new CausalSession(model, attention, _options);
        // The layers above the last captured one have nothing to add.
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var captured = new Dictionary<int, LayerTensors>();
        session.OnAttention = (layer, queries, keys, values, count) =>
        {
            progress?.Report(new StudyProgress((layer + 1.0) / (_layers.Max() + 1), $"capturing layers at n = {tokens}, {attention.Spec.Split(',')[0]} below"));
            if (_layers.Contains(layer))
            {
                captured.Add(layer, FromRows(model.AttentionShape, queries, keys, values, count, layer));
            }
            if (layer == _layers.Max())
            {
                enough.Cancel();
            }
        };
        try
        {
            session.Append(_tokens.AsSpan(0, tokens), [], progress: null, enough.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }
        return [.. _layers.Select(layer => captured[layer])];
    }

    private static LayerTensors FromRows(
        CacheShape heads, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int tokens, int layer)
    {
        return new LayerTensors(
            Shape(heads, tokens),
            HeadsFirst(queries, heads.QueryHeads, tokens, heads.HeadDimension),
            HeadsFirst(keys, heads.KeyValueHeads, tokens, heads.HeadDimension),
            HeadsFirst(values, heads.KeyValueHeads, tokens, heads.ValueDimension),
            layer);
    }

    private static AttentionShape Shape(CacheShape heads, int tokens) => new()
    {
        QueryHeads = heads.QueryHeads,
        KeyValueHeads = heads.KeyValueHeads,
        Queries = tokens,
        Keys = tokens,
        HeadDimension = heads.HeadDimension,
        ValueDimension = heads.ValueDimension,
    };

    private static float[] HeadsFirst(ReadOnlySpan<float> rows, int heads, int tokens, int dimension)
    {
        var tensor = new float[rows.Length];
        for (int row = 0; row < tokens; row++)
        {
            for (int head = 0; head < heads; head++)
            {
                rows.Slice((row * heads + head) * dimension, dimension).CopyTo(tensor.AsSpan((head * tokens + row) * dimension));
            }
        }
        return tensor;
    }
}
