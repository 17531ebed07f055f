using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;
using Prescore.Numerics;
using Prescore.Scoring;

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

    private CoverageStudy(CoverageSettings settings, AttentionOptions options, CausalModel model, int[] tokens) =>
        (_settings, _options, _model, _tokens) = (settings, options, model, tokens);

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

    /// <summary>Runs the model and looks at every layer.</summary>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops between layers.</param>
    public CoverageReport Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var heads = new List<HeadRow[]>();
        int layers = _model.Blocks.Count;
        using var session = new CausalSession(_model, new ExactAttention(), _options);
        session.OnAttention = (layer, queries, keys, values, count) =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new StudyProgress((double)layer / layers, $"layer {layer + 1} of {layers}"));
            heads.Add(Layer(layer, queries.ToArray(), keys.ToArray()));
        };
        session.Append(_tokens, [], progress: null, cancellationToken);
        return Report(heads);
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private HeadRow[] Layer(int layer, float[] queries, float[] keys)
    {
        CacheShape shape = _model.Blocks[layer].Shape;
        int d = shape.HeadDimension, group = shape.QueryHeads / shape.KeyValueHeads;
        var rows = new HeadRow[shape.QueryHeads];
        Parallel.For(0, shape.KeyValueHeads, new ParallelOptions { MaxDegreeOfParallelism = _options.Threads }, keyHead =>
        {
            float[] own = Column(keys, keyHead, shape.KeyValueHeads, d);
            (string Name, KeySet Set)[] sets = [.. Sets(layer, keyHead, own, after: true), .. Sets(layer, keyHead, Unrotated(layer, own, d), after: false)];
            for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
            {
                var attention = new HeadAttention(Column(queries, head, shape.QueryHeads, d), own, d, First);
                int s = _settings.Keys;
                rows[head] = new HeadRow(
                    attention,
                    [
                        ("each query's own", attention.ByOwnBest(s)),
                        ("best set a block", attention.ByBestOf(CoverageSettings.Block, s)),
                        ("best fixed set", attention.ByBestOf(attention.Queries, s)),
                        ("longer window", attention.ByLongerWindow(s)),
                        .. sets.Select(set => (set.Name, attention.By(set.Set))),
                    ]);
            }
        });
        return rows;
    }

    /// <summary>The best keys of every scorer beyond the sinks.</summary>
    private IEnumerable<(string Name, KeySet Set)> Sets(int layer, int head, float[] keys, bool after)
    {
        int d = _model.Blocks[layer].Shape.HeadDimension, count = keys.Length / d;
        foreach (string name in _settings.Scorers)
        {
            var scores = new float[count];
            var matrix = new KeyMatrix { Values = keys, Count = count, Dimension = d };
            var context = new ScoringContext(_options.Seed, layer, head, 0, _settings.Keys, _options.Simd);
            KeyScorers.Create(name).Fit(matrix, context).Score(matrix, 0, scores);
            var selected = new int[Math.Min(_settings.Keys, count - CoverageSettings.Sinks)];
            TopSelection.Select(scores.AsSpan(CoverageSettings.Sinks), selected.Length, selected);
            yield return (after ? name : $"{name}, before RoPE", new KeySet([.. selected.Select(key => key + CoverageSettings.Sinks)], count));
        }
    }

    /// <summary>Keys as they were before the rotary embedding turned them.</summary>
    private float[] Unrotated(int layer, float[] keys, int d)
    {
        if (_model.Blocks[layer].Rotary is not { } rotary)
        {
            return keys;
        }
        float[] plain = [.. keys];
        var cosines = new float[rotary.Dimensions];
        var sines = new float[rotary.Dimensions];
        for (int position = 0; position < keys.Length / d; position++)
        {
            rotary.Angles(position, cosines, sines);
            for (int i = 0; i < sines.Length; i++)
            {
                sines[i] = -sines[i];
            }
            rotary.Rotate(plain.AsSpan(position * d, d), cosines, sines);
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

    private CoverageReport Report(List<HeadRow[]> heads)
    {
        HeadRow[] all = [.. heads.SelectMany(layer => layer)];
        long[] heavy = [.. Enumerable.Range(0, Covered.Thresholds.Length).Select(i => all.Sum(head => head.Heavy[i]))];
        return new CoverageReport
        {
            Model = FileIdentity.Of(_settings.ModelPath),
            Text = FileIdentity.Of(_settings.Text),
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
                    Mass = all.Average(head => 1 - (head.FarMass - head.Choices[c].Covered.Mass) / head.Queries),
                    FarMass = all.Sum(head => head.Choices[c].Covered.Mass) / all.Sum(head => head.FarMass),
                    HeavyRecall = [.. heavy.Select((count, i) => count == 0 ? double.NaN : all.Sum(head => head.Choices[c].Covered.Heavy[i]) / (double)count)],
                    FarMassByHead = [.. heads.Select(layer => layer.Select(head => head.FarMass == 0 ? double.NaN : head.Choices[c].Covered.Mass / head.FarMass).ToArray())],
                }),
            ],
        };
    }

    /// <summary>What became of one query head.</summary>
    private sealed record HeadRow(double FarMass, int Queries, long[] Heavy, (string Name, Covered Covered)[] Choices)
    {
        public HeadRow(HeadAttention attention, (string Name, Covered Covered)[] choices)
            : this(attention.FarMass, attention.Queries, attention.Heavy, choices)
        {
        }
    }
}
