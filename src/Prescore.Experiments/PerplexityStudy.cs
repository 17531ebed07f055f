using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Inference;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments;

/// <summary>Compares attention methods by what they do to a language model's perplexity on a text.</summary>
public sealed class PerplexityStudy : IDisposable
{
    private readonly PerplexitySettings _settings;
    private readonly AttentionOptions _options;
    private readonly CausalModel _model;
    private readonly PerplexityEvaluator _evaluator;

    private PerplexityStudy(
        PerplexitySettings settings, AttentionOptions options, CausalModel model, PerplexityEvaluator evaluator, int context, int skip)
    {
        (_settings, _options, _model, _evaluator) = (settings, options, model, evaluator);
        (Context, Skip) = (context, skip);
    }

    /// <summary>Tokens a window.</summary>
    public int Context { get; }

    /// <summary>Targets at positions below it are context, not scored.</summary>
    public int Skip { get; }

    /// <summary>Targets scored over all windows.</summary>
    public int TokensScored => _evaluator.Targets;

    /// <summary>Threads of model and attention.</summary>
    public int Threads => _options.Threads;

    /// <summary>Reads text and model and checks that they fit the settings, before the long work begins.</summary>
    /// <exception cref="BadInputException">The settings cannot be met.</exception>
    /// <exception cref="ModelFormatException">The model cannot be used.</exception>
    public static PerplexityStudy Prepare(PerplexitySettings settings, AttentionOptions options, CancellationToken cancellationToken)
    {
        int wanted = settings.Context ?? PerplexitySettings.DefaultContext;
        int[] tokens = ReadTokens(settings, (long)wanted * settings.Windows);
        int context = FitContext(settings, tokens.Length);
        int skip = FitSkip(settings, context);
        var loading = new ModelOptions
        {
            Rope = settings.Rope,
            AllowLong = settings.AllowLong,
            Activations = settings.Activations,
            Threads = options.Threads,
            Simd = options.Simd,
        };
        CausalModel model = CausalModel.Load(settings.ModelPath, loading, cancellationToken);
        try
        {
            RequireContext(settings, context, model.ContextLimit);
            RequireMemory(model, context, settings.Windows);
            var evaluator = new PerplexityEvaluator(model, tokens, context, settings.Windows, skip);
            return new PerplexityStudy(settings, options, model, evaluator, context, skip);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs every method; rows come one by one, so that an interrupted study has some.</summary>
    /// <param name="methods">Methods, exact first.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="BudgetException">A method cannot keep its budget at this length; thrown before the first method runs.</exception>
    public IEnumerable<PerplexityRow> Run(
        IReadOnlyList<MethodRequest> methods, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        AttentionShape shape = _model.Configuration.LayerShape(Context);
        IAttention[] resolved = [.. methods.Select(method => method.Resolve(shape, causal: true))];
        PerplexityRun? exact = null;
        for (int i = 0; i < methods.Count; i++)
        {
            IAttention method = resolved[i];
            var part = new NamedProgress(new PartialProgress(progress, (double)i / methods.Count, 1.0 / methods.Count), methods[i].Name);
            PerplexityRun run = _evaluator.Run(method, _options, exact, part, cancellationToken);
            exact ??= run;
            yield return Row(methods[i].Name, method, run, exact);
        }
    }

    /// <summary>The whole result; hashes the files, once.</summary>
    public PerplexityReport Report(IReadOnlyList<PerplexityRow> rows) => new()
    {
        Model = FileIdentity.Of(_settings.ModelPath),
        Text = FileIdentity.Of(_settings.Text),
        Context = Context,
        Skip = Skip,
        TokensScored = TokensScored,
        Seed = _options.Seed,
        Threads = _options.Threads,
        Activations = _settings.Activations.ToString().ToLowerInvariant(),
        Methods = rows,
    };

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private PerplexityRow Row(string name, IAttention method, PerplexityRun run, PerplexityRun exact)
    {
        PairedDifference difference = PairedDifference.Of(
            run.NegativeLogLikelihood, exact.NegativeLogLikelihood, _evaluator.TargetsPerWindow);
        return new PerplexityRow
        {
            Name = name,
            Spec = method.Spec,
            Budget = run.Attention.Budget,
            Interactions = run.Attention.Interactions,
            Screened = run.Attention.Screened,
            IndexProducts = run.Attention.IndexProducts,
            Nll = run.MeanNll,
            Perplexity = run.Perplexity,
            DeltaNll = difference.Mean,
            DeltaNllSe = double.IsFinite(difference.StandardError) ? difference.StandardError : null,
            Kl = run.Divergence,
            Top1 = run.SameTopToken,
            AttentionSeconds = run.Attention.Seconds,
            Seconds = run.Seconds,
            Speedup = exact.Attention.Seconds / run.Attention.Seconds,
            SpeedupTotal = exact.Seconds / run.Seconds,
            Certificate = CertificateReport.Of(method, run.Certificates),
        };
    }

    private static int[] ReadTokens(PerplexitySettings settings, long count)
    {
        int[] tokens = TokenPrefix.Read(ModelTokenizer.Load(settings.ModelPath).Tokenizer, settings.Text, (int)Math.Min(count, Array.MaxLength));
        return tokens.Length >= 2
            ? tokens
            : throw new BadInputException($"{settings.Text.Name} is too short: {tokens.Length} tokens, at least 2 are needed");
    }

    private static int FitContext(PerplexitySettings settings, int tokens)
    {
        int context = settings.Context ?? Math.Min(PerplexitySettings.DefaultContext, tokens);
        if (context < 2 || (long)context * settings.Windows > tokens)
        {
            string wanted = settings.Windows == 1 ? $"a context of {context}" : $"{settings.Windows} windows of {context}";
            throw new BadInputException(
                $"{settings.Text.Name} has {tokens} tokens, too few for {wanted}; use a longer text or a smaller --context");
        }
        return context;
    }

    private static int FitSkip(PerplexitySettings settings, int context)
    {
        int skip = settings.Skip ?? (context > PerplexitySettings.DefaultSkip ? PerplexitySettings.DefaultSkip : context / 4);
        return skip < context
            ? skip
            : throw new BadInputException($"--skip {skip} leaves no target to score in a context of {context}");
    }

    private static void RequireContext(PerplexitySettings settings, int context, int limit)
    {
        if (context > limit)
        {
            double factor = Math.Ceiling((double)context / limit * (settings.Rope?.Factor ?? 1));
            throw new BadInputException(
                $"a context of {context} is beyond the {limit} tokens that {Path.GetFileName(settings.ModelPath)} can take; "
                + $"scale positions with --rope yarn:factor={factor}, or insist with --allow-long");
        }
    }

    /// <summary>One sequence at a time, and the final hidden states of exact and of the method at work.</summary>
    private static void RequireMemory(CausalModel model, int context, int windows)
    {
        long hidden = sizeof(float) * (long)context * (windows + 1) * model.Configuration.HiddenSize;
        MemoryEstimate needed = MemoryEstimate.OfSequence(model, context, Math.Min(context, CausalSession.PieceTokens))
            + new MemoryEstimate(0, 0, hidden + TokenLikelihood.BytesFor(model.Configuration));
        needed.Require(MemoryEstimate.Available());
    }
}
