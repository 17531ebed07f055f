using System.Globalization;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Needle;

/// <summary>
/// Needles in haystacks: which facts hidden in a long text a model still finds with each attention method. All methods
/// see the same haystacks and questions. A needle is found where, after the question, its answer is likelier than the
/// answers of all other needles in the haystack: a choice among as many as there are depths.
/// </summary>
public sealed class NeedleStudy : IDisposable
{
    private readonly NeedleSettings _settings;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly int[] _text;
    private readonly ResumableRows<NeedleTrial> _file;

    private NeedleStudy(NeedleSettings settings, AttentionOptions options, CausalModel model, ITokenizer tokenizer, int[] text, ResumableRows<NeedleTrial> file) =>
        (_settings, _options, _model, _tokenizer, _text, _file) = (settings, options, model, tokenizer, text, file);

    /// <summary>Reads text and model and checks that they fit the settings, before the long work begins.</summary>
    /// <exception cref="BadInputException">The settings cannot be met.</exception>
    public static NeedleStudy Prepare(NeedleSettings settings, AttentionOptions options, CancellationToken cancellationToken)
    {
        if (settings.Depths < 1 || settings.Depths > NeedleHaystack.MostNeedles)
        {
            throw new BadInputException($"there can be 1 to {NeedleHaystack.MostNeedles} depths, not {settings.Depths}");
        }
        ITokenizer tokenizer = ModelTokenizer.Load(settings.ModelPath).Tokenizer;
        int[] tokens = tokenizer.Encode(settings.Text.ReadToEnd());
        foreach (int length in settings.Lengths)
        {
            NeedleHaystack.Create(tokens, tokenizer, length, settings.Depths, 0, options.Seed);
        }
        var loading = new ModelOptions { Rope = settings.Rope, AllowLong = settings.AllowLong, Threads = options.Threads, Simd = options.Simd };
        CausalModel model = CausalModel.Load(settings.ModelPath, loading, cancellationToken);
        try
        {
            model.RequireContext(settings.Lengths.Max());
            MemoryEstimate.OfSequence(model, settings.Lengths.Max(), settings.Lengths.Max()).Require(MemoryEstimate.Available());
            string identity = string.Create(
                CultureInfo.InvariantCulture,
                $"needle trials 2; model {FileIdentity.Of(settings.ModelPath).Sha256}; text {FileIdentity.Of(settings.Text).Sha256}; seed {options.Seed}; depths {settings.Depths}; rope {settings.Rope}");
            return new NeedleStudy(settings, options, model, tokenizer, tokens, new ResumableRows<NeedleTrial>(settings.StatePath, identity));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs every method on every haystack; trials come a haystack and method at a time, finished ones first.</summary>
    /// <param name="methods">Methods, exact first; sizes that follow from a budget are solved for each length.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work; what came until then is kept in the file.</param>
    public IEnumerable<NeedleTrial> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        double all = _settings.Haystacks * methods.Count * _settings.Lengths.Sum(length => (double)length), done = 0;
        var finished = _file.Finished.ToLookup(trial => (trial.Spec, trial.Length, trial.Haystack));
        // Haystack by haystack, so that an interrupted study has some of every length.
        for (int number = 0; number < _settings.Haystacks; number++)
        {
            foreach (int length in _settings.Lengths)
            {
                foreach (MethodRequest method in methods)
                {
                    NeedleTrial[] trials = [.. finished[(method.Text, length, number)]];
                    if (trials.Length != _settings.Depths)
                    {
                        var part = new NamedProgress(new PartialProgress(progress, done / all, length / all), $"{method.Name}, {length} tokens, haystack {number + 1}");
                        trials = RunHaystack(method, length, number, part, cancellationToken);
                        _file.Append(trials);
                    }
                    done += length;
                    foreach (NeedleTrial trial in trials)
                    {
                        yield return trial;
                    }
                }
            }
        }
    }

    /// <summary>The whole result; hashes the files.</summary>
    public NeedleReport Report(IReadOnlyList<MethodRequest> methods, IReadOnlyList<NeedleTrial> trials) => new()
    {
        Model = FileIdentity.Of(_settings.ModelPath),
        Text = FileIdentity.Of(_settings.Text),
        Lengths = _settings.Lengths,
        Depths = _settings.Depths,
        Haystacks = _settings.Haystacks,
        Seed = _options.Seed,
        Threads = _options.Threads,
        Methods = [.. methods.Select(method => NeedleMethodRow.Of(method.Name, method.Text, methods[0].Text, trials))],
    };

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private NeedleTrial[] RunHaystack(MethodRequest method, int length, int number, IProgress<double> progress, CancellationToken cancellationToken)
    {
        NeedleHaystack haystack = NeedleHaystack.Create(_text, _tokenizer, length, _settings.Depths, number, _options.Seed);
        IAttention attention = method.Resolve(Shape(length), causal: true);
        using var session = new CausalSession(_model, attention, _options);
        session.Append(haystack.Tokens, [], progress, cancellationToken);
        double budget = session.Attention.Budget;
        var hidden = new float[_model.Configuration.HiddenSize];
        var logits = new float[_model.Configuration.VocabularySize];
        int[] answers = [.. haystack.Questions.Select(question => question.Answer)];
        return
        [
            .. haystack.Questions.Select(question =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                session.Append(question.Tokens, hidden);
                session.Rewind(haystack.Tokens.Length);
                _model.Logits(hidden, 1, logits, _options.Threads);
                bool found = answers.MaxBy(answer => logits[answer]) == question.Answer;
                bool greedy = TensorPrimitives.IndexOfMax<float>(logits) == question.Answer;
                return new NeedleTrial(method.Text, length, number, question.Depth, found, greedy, logits[question.Answer] - LogSumExp(logits), budget);
            }),
        ];
    }

    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float largest = TensorPrimitives.Max(logits);
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - largest);
        }
        return largest + Math.Log(sum);
    }

    private AttentionShape Shape(int length) => new()
    {
        QueryHeads = _model.Configuration.QueryHeads,
        KeyValueHeads = _model.Configuration.KeyValueHeads,
        Queries = length,
        Keys = length,
        HeadDimension = _model.Configuration.HeadDimension,
    };
}
