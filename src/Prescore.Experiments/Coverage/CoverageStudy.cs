using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Coverage;

/// <summary>
/// How much of a model's attention a few keys hold: those that scorers choose, the best that could be chosen once for all
/// queries or once a block, and each query's own. Keys are scored with all n at hand, later ones too, which a causal
/// method does not have: what is shown is the most that such scores can give.
/// </summary>
public sealed class CoverageStudy : IDisposable
{
    private readonly CoverageSettings _settings;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly int[] _tokens;
    private readonly FileIdentity _modelFile;
    private readonly FileIdentity _textFile;
    private readonly ResumableRows<CoverageLayer> _file;

    private CoverageStudy(CoverageSettings settings, AttentionOptions options, CausalModel model, int[] tokens)
    {
        (_settings, _options, _model, _tokens) = (settings, options, model, tokens);
        (_modelFile, _textFile) = (FileIdentity.Of(settings.ModelPath), FileIdentity.Of(settings.Text));
        _file = new ResumableRows<CoverageLayer>(settings.StatePath, string.Create(
            CultureInfo.InvariantCulture,
            $"coverage 1; model {_modelFile.Sha256}; text {_textFile.Sha256}; seed {options.Seed}; context {settings.Context}; keys {settings.Keys}"));
    }

    /// <summary>The first query that counts; those before have few far keys.</summary>
    private int First => _settings.Context / 4;

    /// <summary>Reads model and text and checks that they fit the settings.</summary>
    /// <exception cref="BadInputException">The settings cannot be met.</exception>
    public static CoverageStudy Prepare(CoverageSettings settings, AttentionOptions options, CancellationToken cancellationToken)
    {
        int least = 4 * (CoverageSettings.Sinks + CoverageSettings.Window);
        if (settings.Context < least)
        {
            throw new BadInputException($"a context of {settings.Context} tokens has too few keys beyond the window; use at least {least}");
        }
        int[] tokens = TokenPrefix.Read(ModelTokenizer.Load(settings.ModelPath).Tokenizer, settings.Text, settings.Context);
        if (tokens.Length < settings.Context)
        {
            throw new BadInputException($"the text has {tokens.Length} tokens, too few for a context of {settings.Context}; use a longer text or a smaller --context");
        }
        CausalModel model = CausalModel.Load(settings.ModelPath, new ModelOptions { Threads = options.Threads, Simd = options.Simd }, cancellationToken);
        try
        {
            model.RequireContext(settings.Context);
            var weights = new MemoryEstimate(0, 0, sizeof(float) * (long)settings.Context * settings.Context * options.Threads);
            (MemoryEstimate.OfSequence(model, settings.Context, settings.Context) + weights).Require(MemoryEstimate.Available());
            return new CoverageStudy(settings, options, model, tokens);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs the model and looks at every layer that is not finished.</summary>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops between layers; those that came until then are kept in the file.</param>
    public CoverageReport Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var layers = new CoverageLayer?[_model.Blocks.Count];
        foreach (CoverageLayer layer in _file.Finished.Where(layer => layer.Layer < layers.Length && layer.Scorers.SequenceEqual(_settings.Scorers)))
        {
            layers[layer.Layer] = layer;
        }
        if (layers.Contains(null))
        {
            using var session = new CausalSession(_model, new ExactAttention(), _options);
            session.OnAttention = (layer, queries, keys, values, count) =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new StudyProgress((double)layer / layers.Length, $"layer {layer + 1} of {layers.Length}"));
                if (layers[layer] is null)
                {
                    CoverageLayer measured = new(layer, _settings.Scorers, Heads(layer, queries.ToArray(), keys.ToArray(), values.ToArray()));
                    layers[layer] = measured;
                    _file.Append(measured);
                }
            };
            session.Append(_tokens, [], progress: null, cancellationToken);
        }
        return Report([.. layers.Select(layer => layer!.Heads)]);
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private CoverageHead[] Heads(int layer, float[] queries, float[] keys, float[] values)
    {
        CacheShape shape = _model.Blocks[layer].Shape;
        int d = shape.HeadDimension, group = shape.QueryHeads / shape.KeyValueHeads, s = _settings.Keys;
        float scale = shape.Scale ?? 1 / MathF.Sqrt(d);
        var heads = new CoverageHead[shape.QueryHeads];
        Parallel.For(0, shape.KeyValueHeads, new ParallelOptions { MaxDegreeOfParallelism = _options.Threads }, keyHead =>
        {
            float[] ownKeys = Column(keys, keyHead, shape.KeyValueHeads, d), ownValues = Column(values, keyHead, shape.KeyValueHeads, shape.ValueDimension);
            float[][] ownQueries = [.. Enumerable.Range(keyHead * group, group).Select(head => Column(queries, head, shape.QueryHeads, d))];
            float[][] observed = [.. ownQueries.Select(rows => rows[^(CoverageSettings.ObservedPositions * d)..])];
            var after = new ScoredHead(layer, keyHead, ownKeys, ownValues, Scaled(observed, scale), d);
            var before = new ScoredHead(
                layer, keyHead, Unrotated(layer, ownKeys, d), ownValues, Scaled(observed.Select(rows => Unrotated(layer, rows, d)), scale), d);
            (string Name, KeySet Set)[] sets =
            [
                .. _settings.Scorers.Select(name => (name, after.Best(name, s, _options.Seed, _options.Simd))),
                .. _settings.Scorers.Select(name => ($"{name}, before RoPE", before.Best(name, s, _options.Seed, _options.Simd))),
            ];
            for (int member = 0; member < group; member++)
            {
                var attention = new HeadAttention(ownQueries[member], ownKeys, d, scale, First);
                heads[keyHead * group + member] = new CoverageHead(
                    attention.FarMass,
                    attention.Queries,
                    attention.Heavy,
                    [
                        CoverageChoice.Of("each query's own", attention.ByOwnBest(s)),
                        CoverageChoice.Of("best set a block", attention.ByBestOf(CoverageSettings.Block, s)),
                        CoverageChoice.Of("best fixed set", attention.ByBestOf(attention.Queries, s)),
                        CoverageChoice.Of("longer window", attention.ByLongerWindow(s)),
                        .. sets.Select(set => CoverageChoice.Of(set.Name, attention.By(set.Set))),
                    ]);
            }
        });
        return heads;
    }

    /// <summary>Rows of several heads, one head after the other, times a factor.</summary>
    private static float[] Scaled(IEnumerable<float[]> heads, float factor) => [.. heads.SelectMany(rows => rows).Select(element => element * factor)];

    /// <summary>Keys or queries of the last positions, as they were before the rotary embedding turned them.</summary>
    private float[] Unrotated(int layer, float[] rows, int d)
    {
        if (_model.Blocks[layer].Rotary is not { } rotary)
        {
            return rows;
        }
        float[] plain = [.. rows];
        int count = rows.Length / d, first = _settings.Context - count;
        var cosines = new float[rotary.Dimensions];
        var sines = new float[rotary.Dimensions];
        for (int row = 0; row < count; row++)
        {
            rotary.Angles(first + row, cosines, sines);
            for (int i = 0; i < sines.Length; i++)
            {
                sines[i] = -sines[i];
            }
            rotary.Rotate(plain.AsSpan(row * d, d), cosines, sines);
        }
        return plain;
    }

    /// <summary>One head of rows [tokens, heads, d].</summary>
    private static float[] Column(float[] rows, int head, int heads, int d)
    {
        var column = new float[rows.Length / heads];
        for (int token = 0; token < column.Length / d; token++)
        {
            rows.AsSpan((token * heads + head) * d, d).CopyTo(column.AsSpan(token * d));
        }
        return column;
    }

    private CoverageReport Report(IReadOnlyList<CoverageHead>[] heads)
    {
        CoverageHead[] all = [.. heads.SelectMany(layer => layer)];
        long[] heavy = [.. Enumerable.Range(0, Covered.Thresholds.Length).Select(i => all.Sum(head => head.Heavy[i]))];
        return new CoverageReport
        {
            Model = _modelFile,
            Text = _textFile,
            Context = _settings.Context,
            Keys = _settings.Keys,
            Sinks = CoverageSettings.Sinks,
            Window = CoverageSettings.Window,
            Block = CoverageSettings.Block,
            Seed = _options.Seed,
            Threads = _options.Threads,
            FarMass = [.. heads.Select(layer => layer.Select(head => head.FarMass / head.Queries).ToArray())],
            Thresholds = [.. Covered.Thresholds.Select(threshold => Math.Round(threshold, 6))],
            HeavyKeys = [.. heavy.Select(count => count / (double)all.Sum(head => head.Queries))],
            Choices =
            [
                .. all[0].Choices.Select((choice, c) => new CoverageRow
                {
                    Name = choice.Name,
                    Mass = all.Average(head => 1 - (head.FarMass - head.Choices[c].Mass) / head.Queries),
                    FarMass = all.Sum(head => head.Choices[c].Mass) / all.Sum(head => head.FarMass),
                    HeavyRecall = [.. heavy.Select((count, i) => count == 0 ? double.NaN : all.Sum(head => head.Choices[c].Heavy[i]) / (double)count)],
                    FarMassByHead = [.. heads.Select(layer => layer.Select(head => head.FarMass == 0 ? double.NaN : head.Choices[c].Mass / head.FarMass).ToArray())],
                }),
            ],
        };
    }
}
