using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Layers;

/// <summary>Times attention methods side by side on the same layers, each checked against exact in the same run.</summary>
public sealed class LayerBenchmark
{
    // Enough to have the code compiled; whole long layers would cost as much as the measurement.
    private const int WarmUpTokens = 4096;

    private readonly ILayerSource _source;
    private readonly IReadOnlyList<MethodRequest> _methods;
    private readonly AttentionOptions _options;

    /// <summary>Sets up a benchmark.</summary>
    /// <param name="source">Where the layers come from.</param>
    /// <param name="methods">Methods, exact first.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    public LayerBenchmark(ILayerSource source, IReadOnlyList<MethodRequest> methods, AttentionOptions options)
    {
        _source = source;
        _methods = methods;
        _options = options;
    }

    /// <summary>Runs every method causally at every length; rows come one by one, so that an interrupted run has some.</summary>
    /// <param name="lengths">Lengths n.</param>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="BadInputException">A length beyond the source's.</exception>
    /// <exception cref="BudgetException">A method cannot keep its budget at a length; thrown before any work.</exception>
    public IEnumerable<BenchRow> Run(
        IReadOnlyList<int> lengths, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (lengths.Max() > _source.MaximumTokens)
        {
            throw new BadInputException(
                $"a length of {lengths.Max()} is wanted, but {_source.Description} has {_source.MaximumTokens} tokens");
        }
        RequireBudgets(lengths);
        bool warm = false;
        double work = lengths.Sum(Cost);
        double done = 0;
        foreach (int n in lengths)
        {
            double share = Cost(n) / work;
            IReadOnlyList<LayerTensors> layers = _source.Load(n, new PartialProgress(progress, done, share / 2), cancellationToken);
            // Exact's outputs are kept while a method's are compared with them.
            LayerMemory.Require(layers[0].Shape, inputs: 0, outputs: 2 * layers.Count);
            if (!warm)
            {
                // The first calls run code that the just-in-time compiler has not optimised yet.
                WarmUp(layers, cancellationToken);
                warm = true;
            }
            LayerMeasurement? exact = null;
            for (int i = 0; i < _methods.Count; i++)
            {
                progress?.Report(new StudyProgress(done + share * (0.5 + 0.5 * i / _methods.Count), $"{_methods[i].Text}, n = {n}"));
                IAttention method = _methods[i].Resolve(layers[0].Shape, causal: true);
                LayerMeasurement measured = LayerMeasurement.Of(layers, layer => LayerRun.Of(method, layer, causal: true, _options, cancellationToken));
                exact ??= measured;
                yield return Row(_methods[i].Text, method, n, layers[0].Shape, measured, exact);
            }
            done += share;
        }
    }

    /// <summary>Exponents of time against n.</summary>
    public static IReadOnlyDictionary<string, double> Slopes(IEnumerable<BenchRow> rows)
    {
        var slopes = new Dictionary<string, double>();
        foreach (IGrouping<string, BenchRow> method in rows.GroupBy(row => row.Method))
        {
            if (LogLogSlope.Of([.. method.Select(row => ((double)row.N, row.Seconds))]) is double slope)
            {
                slopes.Add(method.Key, slope);
            }
        }
        return slopes;
    }

    private void RequireBudgets(IReadOnlyList<int> lengths)
    {
        foreach (int n in lengths)
        {
            // Budgets are a matter of positions; heads do not matter.
            var shape = new AttentionShape { QueryHeads = 1, KeyValueHeads = 1, Queries = n, Keys = n, HeadDimension = 1 };
            foreach (IBudgetedAttention method in _methods.Where(method => method.Budget is null).Select(method => method.Attention).OfType<IBudgetedAttention>())
            {
                method.RequireBudget(shape, causal: true);
            }
        }
    }

    private static double Cost(int n) => (double)n * n;

    private void WarmUp(IReadOnlyList<LayerTensors> layers, CancellationToken cancellationToken)
    {
        LayerTensors layer = layers[0].Prefix(Math.Min(layers[0].Shape.Keys, WarmUpTokens));
        foreach (MethodRequest request in _methods)
        {
            try
            {
                IAttention method = request.Resolve(layer.Shape, causal: true);
                for (int i = 0; i < 3; i++)
                {
                    LayerRun.Of(method, layer, causal: true, _options, cancellationToken);
                }
            }
            catch (BudgetException)
            {
                // Its budget leaves no room at so few tokens: it goes without.
            }
        }
    }

    private static BenchRow Row(string text, IAttention method, int n, AttentionShape shape, LayerMeasurement measured, LayerMeasurement exact)
    {
        double operations = 2.0 * measured.Report.Interactions * (shape.HeadDimension + shape.ValueDimension);
        return new BenchRow
        {
            Method = text,
            N = n,
            Seconds = measured.Report.Seconds,
            Gflops = operations / measured.Report.Seconds / 1e9,
            Budget = measured.Report.Budget,
            RelativeError = measured.ErrorAgainst(exact),
            Speedup = exact.Report.Seconds / measured.Report.Seconds,
            IndexShare = measured.Report.IndexSeconds / measured.Report.Seconds,
            Certificate = CertificateReport.Of(method, [measured.Report.Certificates ?? []]),
        };
    }
}
