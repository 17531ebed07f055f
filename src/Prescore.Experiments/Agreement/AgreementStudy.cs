using System.Globalization;
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
    private readonly ResumableRows<AgreementRow> _file;

    private AgreementStudy(
        AgreementSettings settings, AttentionOptions options, CausalModel model, ITokenizer tokenizer, int[] text, ResumableRows<AgreementRow> file) =>
        (_settings, _options, _model, _tokenizer, _text, _file) = (settings, options, model, tokenizer, text, file);

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
            string identity = string.Create(
                CultureInfo.InvariantCulture,
                $"agreement 2; model {FileIdentity.Of(settings.ModelPath).Sha256}; text {FileIdentity.Of(settings.Text).Sha256}; seed {options.Seed}; context {settings.Context}; tokens {settings.Tokens}; rope {settings.Rope}");
            return new AgreementStudy(settings, options, model, tokenizer, tokens, new ResumableRows<AgreementRow>(settings.StatePath, identity));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs every prompt; rows come prompt by prompt, finished ones without being run again.</summary>
    /// <param name="methods">The methods beside exact.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work; what came until then is kept in the file.</param>
    public IEnumerable<AgreementRow> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        AttentionShape shape = _model.Configuration.LayerShape(_settings.Context + _settings.Tokens);
        (MethodRequest Request, IAttention Attention)[] resolved = [.. methods.Select(method => (method, method.Resolve(shape, causal: true)))];
        var finished = _file.Finished.ToLookup(row => (row.Spec, row.Start));
        double share = 1.0 / (_settings.Prompts * (methods.Count + 1));
        for (int prompt = 0; prompt < _settings.Prompts; prompt++)
        {
            int start = _settings.Prompts == 1 ? 0 : (int)((long)(_text.Length - _settings.Context) * prompt / (_settings.Prompts - 1));
            double done = share * prompt * (methods.Count + 1);
            Continuation? exact = null;
            foreach ((MethodRequest method, IAttention attention) in resolved)
            {
                AgreementRow? row = finished[(attention.Spec, start)].FirstOrDefault();
                if (row is null)
                {
                    exact ??= Continue(new ExactAttention(), start, along: null, Part("exact", prompt, done), cancellationToken);
                    done += share;
                    row = Row(method, attention, start, exact, Continue(attention, start, exact, Part(method.Name, prompt, done), cancellationToken));
                    _file.Append(row);
                }
                yield return row with { Name = method.Name };
            }
        }
        NamedProgress Part(string name, int prompt, double done) => new(new PartialProgress(progress, done, share), $"{name}, prompt {prompt + 1}");
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

    /// <summary>Chooses tokens greedily, and goes on with them or along exact's continuation.</summary>
    private Continuation Continue(
        IAttention attention, int start, Continuation? along, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var steps = new Step[_settings.Tokens];
        var hidden = new float[_model.Configuration.HiddenSize];
        var logits = new float[_model.Configuration.VocabularySize];
        List<float[]>? seen = along is null ? [] : null;
        using var session = new CausalSession(_model, attention, _options);
        session.Append(_text.AsSpan(start, _settings.Context), hidden, progress, cancellationToken);
        for (int i = 0; i < steps.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _model.Logits(hidden, 1, logits, _options.Threads);
            steps[i] = along is null ? Choose(logits) : ChooseBeside(along.Steps[i], along.Logits[i], logits);
            seen?.Add([.. logits]);
            if (i + 1 < steps.Length)
            {
                session.Append([along?.Steps[i].Best ?? steps[i].Best], hidden);
            }
        }
        return new Continuation(steps, seen ?? [], session.Attention.Budget);
    }

    /// <summary>Exact's two likeliest tokens.</summary>
    private static Step Choose(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        int second = best == 0 ? 1 : 0;
        for (int token = second + 1; token < logits.Length; token++)
        {
            if (token != best && logits[token] > logits[second])
            {
                second = token;
            }
        }
        return new Step(best, second, Gap: logits[best] - logits[second], Lead: 0, Cost: 0);
    }

    /// <summary>A method's likeliest token, and how it stands against exact's choice.</summary>
    private static Step ChooseBeside(Step exact, ReadOnlySpan<float> exactLogits, ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        return new Step(
            best,
            exact.Second,
            Gap: logits[exact.Best] - logits[exact.Second],
            Lead: logits[best] - logits[exact.Best],
            Cost: exactLogits[exact.Best] - exactLogits[best]);
    }

    private AgreementRow Row(MethodRequest method, IAttention attention, int start, Continuation exact, Continuation own)
    {
        bool[] agree = [.. exact.Steps.Zip(own.Steps, (a, b) => a.Best == b.Best)];
        int same = Array.IndexOf(agree, false) is >= 0 and int first ? first : agree.Length;
        bool parts = same < agree.Length;
        return new AgreementRow
        {
            Name = method.Name,
            Spec = attention.Spec,
            Start = start,
            Same = same,
            Gap = parts ? exact.Steps[same].Gap : null,
            Lead = parts ? own.Steps[same].Lead : null,
            Cost = parts ? own.Steps[same].Cost : null,
            SmallestGap = exact.Steps.Min(step => step.Gap),
            GapChange = Math.Sqrt(exact.Steps.Zip(own.Steps, (a, b) => Math.Pow(b.Gap - a.Gap, 2)).Average()),
            ExactToken = parts ? _tokenizer.Piece(exact.Steps[same].Best) : null,
            MethodToken = parts ? _tokenizer.Piece(own.Steps[same].Best) : null,
            SameTop = agree.Count(agrees => agrees) / (double)agree.Length,
            Budget = own.Budget,
        };
    }

    /// <summary>A continuation.</summary>
    /// <param name="Steps">Its choices.</param>
    /// <param name="Logits">Exact's logits at each; of another method none.</param>
    /// <param name="Budget">Interactions of prompt and continuation ÷ exact's.</param>
    private sealed record Continuation(IReadOnlyList<Step> Steps, IReadOnlyList<float[]> Logits, double Budget);

    /// <summary>One choice of a token.</summary>
    /// <param name="Best">The likeliest.</param>
    /// <param name="Second">Exact's second one.</param>
    /// <param name="Gap">Logit of exact's likeliest less that of its second one.</param>
    /// <param name="Lead">Logit of the likeliest less that of exact's likeliest.</param>
    /// <param name="Cost">Exact's logit of its likeliest less that of this choice.</param>
    private readonly record struct Step(int Best, int Second, double Gap, double Lead, double Cost);
}
