using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;

namespace Prescore.Experiments.Budget;

/// <summary>
/// What attention methods do to a language model's predictions against what they cost, over texts, lengths and seeds. Every
/// finished cell is kept, so that an interrupted study loses nothing.
/// </summary>
public sealed class BudgetStudy
{
    private readonly BudgetStudySettings _settings;
    private readonly AttentionOptions _options;
    private readonly FileIdentity _model;
    private readonly ModelSize _size;
    private readonly (string Name, string Sha256, int[] Tokens)[] _texts;
    private readonly BudgetCellPlan[] _plan;
    private readonly ResumableRows<BudgetCell> _file;

    private BudgetStudy(
        BudgetStudySettings settings, AttentionOptions options, ModelSize size, (string Name, string Sha256, int[] Tokens)[] texts, BudgetCellPlan[] plan)
    {
        (_settings, _options, _size, _texts, _plan) = (settings, options, size, texts, plan);
        _model = FileIdentity.Of(settings.ModelPath);
        _file = new ResumableRows<BudgetCell>(
            settings.StatePath, string.Create(CultureInfo.InvariantCulture, $"budget 1; model {_model.Sha256}; first seed {options.Seed}"));
    }

    /// <summary>Cells that are not finished.</summary>
    public int CellsLeft => Left().Count();

    /// <summary>About how long the rest takes on two cores, in hours.</summary>
    public double HoursLeft => (Left().Sum(cell => _size.Seconds(cell.Length, cell.Share)) + Groups().Sum(group => _size.Seconds(group.Key.Length, share: 1))) / 3600;

    /// <summary>Reads model header and texts and plans the cells.</summary>
    /// <exception cref="BadInputException">A text is too short for every length, or no text is long enough for one.</exception>
    /// <exception cref="Specs.MethodSpecException">A method cannot be understood.</exception>
    /// <exception cref="BudgetException">A method itself names a budget that it cannot keep at a length.</exception>
    public static BudgetStudy Prepare(BudgetStudySettings settings, AttentionOptions options, CancellationToken cancellationToken = default)
    {
        ModelSize size = ModelSize.Of(settings.ModelPath, cancellationToken);
        ITokenizer tokenizer = ModelTokenizer.Load(settings.ModelPath).Tokenizer;
        var texts = settings.TextPaths.Select(path => Read(path, tokenizer, settings.Lengths, cancellationToken)).ToArray();
        foreach (int length in settings.Lengths)
        {
            RequireText(length, texts);
        }
        return new BudgetStudy(settings, options, size, texts, [.. Plan(settings, size, [.. texts.Select(text => text.Tokens.Length)], options.Seed)]);
    }

    /// <summary>Runs the cells that are not finished; all come one by one, in the order of the plan.</summary>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work; what came until then is kept in the file.</param>
    public IEnumerable<BudgetCell> Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        double all = Math.Max(1e-9, HoursLeft), done = 0;
        foreach (IGrouping<(int Text, int Length), BudgetCellPlan> group in _plan.GroupBy(cell => (cell.Text, cell.Length)))
        {
            (string name, string sha256, int[] tokens) = _texts[group.Key.Text];
            BudgetCellPlan[] left = [.. group.Where(cell => Finished(cell) is null)];
            double hours = left.Length == 0 ? 0 : (_size.Seconds(group.Key.Length, 1) + left.Sum(cell => _size.Seconds(cell.Length, cell.Share))) / 3600;
            var part = new PartialProgress(progress, done / all, hours / all);
            done += hours;
            using WindowRuns? runs = left.Length == 0 ? null : WindowRuns.Load(_settings.ModelPath, tokens, group.Key.Length, _size, _options, part, cancellationToken);
            foreach (BudgetCellPlan cell in group)
            {
                if (Finished(cell) is BudgetCell finished)
                {
                    yield return finished;
                    continue;
                }
                part.Report(new StudyProgress(Array.IndexOf(left, cell) / (double)left.Length, $"{cell.Method.Name}, {name}, n = {cell.Length}"));
                BudgetCell result = runs!.Run(cell, name, sha256, cancellationToken);
                _file.Append(result);
                yield return result;
            }
        }
    }

    /// <summary>The whole result.</summary>
    public BudgetReport Report(IReadOnlyList<BudgetCell> cells) => new()
    {
        Model = _model,
        Texts = [.. _texts.Select(text => new FileIdentity(text.Name, text.Sha256))],
        Lengths = _settings.Lengths,
        Budgets = _settings.Budgets,
        Seeds = _settings.Seeds,
        FirstSeed = _options.Seed,
        Threads = _options.Threads,
        Rows = BudgetSummary.Rows(cells),
        Paper = BudgetSummary.Paper(cells),
        Cells = [.. cells.Select(cell => cell with { BlockSums = null })],
    };

    private static (string Name, string Sha256, int[] Tokens) Read(string path, ITokenizer tokenizer, IReadOnlyList<int> lengths, CancellationToken cancellationToken)
    {
        using TextInput text = TextInput.Open(path, cancellationToken);
        int[] tokens = TokenPrefix.Read(tokenizer, text, lengths.Max());
        return tokens.Length >= lengths.Min()
            ? (text.Name, FileIdentity.Of(text).Sha256!, tokens)
            : throw new BadInputException($"{text.Name} has {tokens.Length} tokens, too few for a length of {lengths.Min()}; use longer texts or smaller --lengths");
    }

    private static void RequireText(int length, (string Name, string Sha256, int[] Tokens)[] texts)
    {
        if (texts.All(text => text.Tokens.Length < length))
        {
            throw new BadInputException($"no text has tokens enough for a length of {length} (at most {texts.Max(text => text.Tokens.Length)}); use longer texts or smaller --lengths");
        }
    }

    private static IEnumerable<BudgetCellPlan> Plan(BudgetStudySettings settings, ModelSize size, int[] tokens, ulong firstSeed)
    {
        for (int text = 0; text < tokens.Length; text++)
        {
            foreach (int length in settings.Lengths.Where(length => length <= tokens[text]))
            {
                foreach (BudgetCellPlan cell in settings.Methods.SelectMany(method => Cells(method, settings, size, text, length, firstSeed)).DistinctBy(cell => (cell.Attention.Spec, cell.Seed)))
                {
                    yield return cell;
                }
            }
        }
    }

    private static IEnumerable<BudgetCellPlan> Cells(string method, BudgetStudySettings settings, ModelSize size, int text, int length, ulong firstSeed)
    {
        foreach (double budget in settings.Budgets)
        {
            MethodRequest request = MethodRequest.Parse([method], budget).Last();
            IAttention attention = request.Resolve(size.Configuration.LayerShape(length), causal: true);
            int seeds = BudgetMethods.IsRandom(attention) ? settings.Seeds : 1;
            for (int seed = 0; seed < seeds; seed++)
            {
                yield return new BudgetCellPlan(text, length, request, attention, firstSeed + (ulong)seed);
            }
        }
    }

    private BudgetCell? Finished(BudgetCellPlan plan) => _file.Finished.FirstOrDefault(cell =>
        cell.TextSha256 == _texts[plan.Text].Sha256 && cell.N == plan.Length && cell.Spec == plan.Attention.Spec && cell.Seed == plan.Seed);

    private IEnumerable<BudgetCellPlan> Left() => _plan.Where(cell => Finished(cell) is null);

    private IEnumerable<IGrouping<(int Text, int Length), BudgetCellPlan>> Groups() => Left().GroupBy(cell => (cell.Text, cell.Length));
}

/// <summary>One cell that is to be run.</summary>
/// <param name="Text">Index of the text.</param>
/// <param name="Length">Tokens of the window.</param>
/// <param name="Method">What was asked for.</param>
/// <param name="Attention">The method with its size.</param>
/// <param name="Seed">Seed of everything random.</param>
internal sealed record BudgetCellPlan(int Text, int Length, MethodRequest Method, IAttention Attention, ulong Seed)
{
    /// <summary>About what part of exact's time its attention takes.</summary>
    public double Share => Method.Budget is double budget ? Math.Min(1, 2 * budget) : 0.5;
}
