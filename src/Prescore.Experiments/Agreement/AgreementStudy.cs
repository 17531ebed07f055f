using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Agreement;

/// <summary>
/// How long greedy continuations of long prompts stay the same when the attention is exchanged. The method is run along
/// exact's continuation: up to where its own choice first differs, that is its own continuation too.
/// </summary>
public sealed class AgreementStudy : IDisposable
{
    private readonly AgreementSettings _settings;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly int[] _text;

    private AgreementStudy(AgreementSettings settings, AttentionOptions options, CausalModel model, ITokenizer tokenizer, int[] text) =>
        (_settings, _options, _model, _tokenizer, _text) = (settings, options, model, tokenizer, text);

    /// <summary>Reads model and text and checks that they fit the settings.</summary>
    /// <exception cref="BadInputException">The settings cannot be met.</exception>
    public static AgreementStudy Prepare(AgreementSettings settings, AttentionOptions options, CancellationToken cancellationToken)
    {
        ITokenizer tokenizer = ModelTokenizer.Load(settings.ModelPath).Tokenizer;
        int[] tokens = tokenizer.Encode(settings.Text.ReadToEnd());
        if (tokens.Length < settings.Context)
        {
            throw new BadInputException($"the text has {tokens.Length} tokens, too few for a prompt of {settings.Context}; use a longer text or a smaller --context");
        }
        var loading = new ModelOptions { Rope = settings.Rope, AllowLong = settings.AllowLong, Threads = options.Threads, Simd = options.Simd };
        CausalModel model = CausalModel.Load(settings.ModelPath, loading, cancellationToken);
        try
        {
            model.RequireContext(settings.Context + settings.Tokens);
            return new AgreementStudy(settings, options, model, tokenizer, tokens);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs every prompt; rows come prompt by prompt.</summary>
    /// <param name="methods">The methods beside exact.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public IEnumerable<AgreementRow> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        double share = 1.0 / (_settings.Prompts * (methods.Count + 1)), done = 0;
        for (int prompt = 0; prompt < _settings.Prompts; prompt++)
        {
            int start = _settings.Prompts == 1 ? 0 : (int)((long)(_text.Length - _settings.Context) * prompt / (_settings.Prompts - 1));
            Continuation exact = Continue(new ExactAttention(), start, along: null, Part("exact", prompt), cancellationToken);
            done += share;
            foreach (MethodRequest method in methods)
            {
                IAttention attention = method.Resolve(Shape(), causal: true);
                Continuation own = Continue(attention, start, exact.Tokens, Part(method.Name, prompt), cancellationToken);
                done += share;
                yield return Row(method, attention, start, exact, own);
            }
        }
        NamedProgress Part(string name, int prompt) => new(new PartialProgress(progress, done, share), $"{name}, prompt {prompt + 1}");
    }

    /// <summary>The whole result; hashes the files.</summary>
    public AgreementReport Report(IReadOnlyList<AgreementRow> rows) => new()
    {
        Model = FileIdentity.Of(_settings.ModelPath),
        Text = FileIdentity.Of(_settings.Text),
        Context = _settings.Context,
        Tokens = _settings.Tokens,
        Seed = _options.Seed,
        Threads = _options.Threads,
        Rows = rows,
    };

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    /// <summary>Chooses tokens greedily, and goes on with them or along a given continuation.</summary>
    private Continuation Continue(IAttention attention, int start, int[]? along, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var chosen = new int[_settings.Tokens];
        var gaps = new double[_settings.Tokens];
        var hidden = new float[_model.Configuration.HiddenSize];
        var logits = new float[_model.Configuration.VocabularySize];
        using var session = new CausalSession(_model, attention, _options);
        session.Append(_text.AsSpan(start, _settings.Context), hidden, progress, cancellationToken);
        for (int i = 0; i < chosen.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _model.Logits(hidden, 1, logits, _options.Threads);
            chosen[i] = TensorPrimitives.IndexOfMax<float>(logits);
            float best = logits[chosen[i]];
            logits[chosen[i]] = float.NegativeInfinity;
            gaps[i] = best - TensorPrimitives.Max<float>(logits);
            if (i + 1 < chosen.Length)
            {
                session.Append([along?[i] ?? chosen[i]], hidden);
            }
        }
        return new Continuation(chosen, gaps, session.Attention.Budget);
    }

    private AgreementRow Row(MethodRequest method, IAttention attention, int start, Continuation exact, Continuation own)
    {
        int same = exact.Tokens.AsSpan().CommonPrefixLength(own.Tokens);
        bool parts = same < exact.Tokens.Length;
        return new AgreementRow
        {
            Name = method.Name,
            Spec = attention.Spec,
            Start = start,
            Same = same,
            Gap = parts ? exact.Gaps[same] : null,
            ExactToken = parts ? _tokenizer.Piece(exact.Tokens[same]) : null,
            MethodToken = parts ? _tokenizer.Piece(own.Tokens[same]) : null,
            SameTop = exact.Tokens.Zip(own.Tokens).Count(pair => pair.First == pair.Second) / (double)exact.Tokens.Length,
            Budget = own.Budget,
        };
    }

    private AttentionShape Shape() => new()
    {
        QueryHeads = _model.Configuration.QueryHeads,
        KeyValueHeads = _model.Configuration.KeyValueHeads,
        Queries = _settings.Context + _settings.Tokens,
        Keys = _settings.Context + _settings.Tokens,
        HeadDimension = _model.Configuration.HeadDimension,
    };

    private sealed record Continuation(int[] Tokens, double[] Gaps, double Budget);
}
