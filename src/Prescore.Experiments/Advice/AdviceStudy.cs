using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;

namespace Prescore.Experiments.Advice;

/// <summary>
/// Measures exact and Clustered attention on a model's own layers at lengths that are affordable, and predicts from them
/// which one is fastest at another length.
/// </summary>
public sealed class AdviceStudy
{
    /// <summary>Lengths that are measured where none are given; a shorter context is measured itself.</summary>
    public static IReadOnlyList<int> DefaultLengths { get; } = [2048, 8192];

    /// <summary>How far exact's exponent may be above 2, and the length from which on this says anything: below, fixed costs count.</summary>
    private const double ExponentTolerance = 0.2;
    private const int MeaningfulLength = 1024;

    private readonly CapturedLayers _layers;
    private readonly IReadOnlyList<int> _lengths;
    private readonly int _context;
    private readonly double _error;
    private readonly AttentionOptions _options;

    /// <summary>Reads the model's header and the text.</summary>
    /// <param name="modelPath">Model file.</param>
    /// <param name="text">The text; read at once.</param>
    /// <param name="context">Length that advice is wanted for.</param>
    /// <param name="error">Wanted relative error of the attention outputs.</param>
    /// <param name="lengths">Lengths to measure at, rising; null: <see cref="LengthsFor"/>.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    public AdviceStudy(
        string modelPath, TextInput text, int context, double error, IReadOnlyList<int>? lengths, AttentionOptions options)
    {
        (_context, _error, _options) = (context, error, options);
        _lengths = lengths ?? LengthsFor(context);
        _layers = new CapturedLayers(modelPath, text, layers: null, _lengths, options);
    }

    /// <summary>The trained context of the model.</summary>
    public int TrainedContext => _layers.TrainedContext;

    /// <summary>The default lengths, or a quarter of a context that is not longer, and the context itself.</summary>
    public static IReadOnlyList<int> LengthsFor(int context) =>
        context > DefaultLengths[^1] ? DefaultLengths : [.. new[] { Math.Max(1, context / 4), context }.Distinct()];

    /// <summary>Measures and predicts.</summary>
    /// <exception cref="BadInputException">The text is shorter than a length.</exception>
    public AdviceReport Run(IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<MethodRequest> requests = MethodRequest.Parse(Candidates(_error), budget: null);
        BenchRow[] rows = [.. new LayerBenchmark(_layers, requests, _options).Run(_lengths, progress, cancellationToken)];
        double scale = (double)_layers.ModelLayers / _layers.Layers.Count;
        MethodCost[] costs = [.. rows.GroupBy(row => row.Method).Select(method => MethodCost.Of([.. method], scale))];
        Recommendation recommendation = Recommendation.Of(costs, _context, _error);
        return new AdviceReport
        {
            Data = _layers.Description,
            Context = _context,
            WantedError = _error,
            Threads = _options.Threads,
            MeasuredLengths = _lengths,
            Extrapolated = _context > _lengths[^1],
            Disturbed = _lengths[0] >= MeaningfulLength && costs[0].Seconds.Exponent > 2 + ExponentTolerance,
            ModelLayers = _layers.ModelLayers,
            MeasuredLayers = _layers.Layers,
            Methods = [.. costs.Select(cost => Row(cost, costs[0]))],
            Recommended = recommendation.Best.Spec,
            FasterFrom = recommendation.Passes is double n && n < int.MaxValue ? n : null,
        };
    }

    /// <summary>
    /// Clustered at the wanted error and at smaller targets, as what is measured over all queries may be above the target of
    /// the probes.
    /// </summary>
    private static IEnumerable<string> Candidates(double error)
    {
        string Target(double factor) => Math.Round(error * factor, 6).ToString("0.######", CultureInfo.InvariantCulture);
        return
        [
            "exact", $"clustered:error={Target(1)}", $"clustered:error={Target(0.7)}", $"clustered:error={Target(0.5)}",
        ];
    }

    private AdviceRow Row(MethodCost cost, MethodCost exact) => new()
    {
        Method = cost.Spec,
        Seconds = cost.Seconds.At(_context),
        SecondsExponent = cost.Seconds.Exponent,
        Budget = cost.BudgetAt(_context),
        RelativeError = cost.RelativeError,
        MeetsError = cost == exact || cost.RelativeError <= _error,
        Speedup = exact.Seconds.At(_context) / cost.Seconds.At(_context),
    };
}
