using System.Globalization;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Layers;

/// <summary>
/// What exactness costs on one layer: every method at several settings and lengths, timed, and compared with exact in the same
/// run. From these follows the speed-up of each method at equal relative error.
/// </summary>
public sealed class LayerStudy
{
    // Enough to have the code compiled; a whole long layer would cost as much as the measurement.
    private const int WarmUpTokens = 2048;

    private readonly ILayerSource _source;
    private readonly LayerStudySettings _settings;
    private readonly AttentionOptions _options;
    private readonly ILayerPeer? _peer;
    private readonly MethodSweep[] _sweeps;
    private readonly ResumableRows<LayerStudyPoint> _file;

    /// <summary>Sets up a study.</summary>
    /// <param name="source">Where the layer comes from.</param>
    /// <param name="settings">Lengths and methods.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    /// <param name="peer">Another library's exact attention; null: none.</param>
    /// <exception cref="BadInputException">A length beyond the source's, or a file of another study.</exception>
    /// <exception cref="Specs.MethodSpecException">A method that the study does not have.</exception>
    public LayerStudy(ILayerSource source, LayerStudySettings settings, AttentionOptions options, ILayerPeer? peer = null)
    {
        if (settings.Lengths.Max() > source.MaximumTokens)
        {
            throw new BadInputException($"a length of {settings.Lengths.Max()} is wanted, but {source.Description} has {source.MaximumTokens} tokens");
        }
        (_source, _settings, _options, _peer) = (source, settings, options, peer);
        string[] names = [.. MethodSweep.All.Select(sweep => sweep.Name)];
        _sweeps = [.. settings.Methods.Select(name => Array.IndexOf(names, name) is >= 0 and int index
            ? MethodSweep.All[index]
            : throw Specs.MethodSpecException.Unknown("method of this study", name, names))];
        _file = new ResumableRows<LayerStudyPoint>(settings.StatePath, string.Create(
            CultureInfo.InvariantCulture, $"layer 1; {source.Description}; seed {options.Seed}; threads {options.Threads}"));
    }

    /// <summary>Runs every method at every length, finished ones without being run again; points come one by one.</summary>
    /// <param name="progress">Receives how far it has come.</param>
    /// <param name="cancellationToken">Stops the work; what came until then is kept in the file.</param>
    public IEnumerable<LayerStudyPoint> Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        double work = _settings.Lengths.Sum(Cost), done = 0;
        bool warm = false;
        foreach (int n in _settings.Lengths)
        {
            var part = new PartialProgress(progress, done, Cost(n) / work);
            done += Cost(n) / work;
            LayerStudyPoint[] known = [.. _file.Finished.Where(point => point.N == n)];
            if (known.Any(point => point.Spec == "exact") && _sweeps.All(sweep => IsFinished(sweep, n, known)) && HasPeer(known))
            {
                foreach (LayerStudyPoint point in known.Where(point => point.IsExact || _settings.Methods.Contains(point.Method)))
                {
                    yield return point;
                }
                continue;
            }
            IReadOnlyList<LayerTensors> layers = _source.Load(n, new PartialProgress(part, 0, 0.4), cancellationToken);
            LayerMemory.Require(layers[0].Shape, inputs: 0, outputs: 3 * layers.Count);
            if (!warm)
            {
                WarmUp(layers, cancellationToken);
                warm = true;
            }
            foreach (LayerStudyPoint point in AtLength(n, layers, known, new PartialProgress(part, 0.4, 0.6), cancellationToken))
            {
                yield return point;
            }
        }
    }

    /// <summary>The whole result.</summary>
    public LayerStudyReport Report(IReadOnlyList<LayerStudyPoint> points)
    {
        IReadOnlyList<EqualErrorRow> equal = EqualError.Of(points);
        return new LayerStudyReport
        {
            Data = _source.Description,
            Threads = _options.Threads,
            Seed = _options.Seed,
            Lengths = _settings.Lengths,
            Peer = _peer?.Name,
            Points = points,
            EqualError = equal,
            Crossovers = EqualError.Crossovers(equal),
            Slopes = EqualError.Slopes(points, equal),
        };
    }

    private static double Cost(int n) => (double)n * n;

    private bool HasPeer(LayerStudyPoint[] known) => _peer is null || known.Any(point => point.Method == LayerStudyPoint.PeerMethod);

    /// <summary>Whether a sweep needs nothing more: a setting that is slower than exact by half ends it, and so does one that reaches every target.</summary>
    private static bool IsFinished(MethodSweep sweep, int n, IReadOnlyList<LayerStudyPoint> known)
    {
        LayerStudyPoint[] own = [.. known.Where(point => point.Method == sweep.Name)];
        return sweep.Specs(n).All(spec => own.Any(point => point.Spec == spec)) || (own.Length > 0 && Ends(own[^1]));
    }

    private static bool Ends(LayerStudyPoint point) => point.Seconds > 1.5 * point.ExactSeconds || point.RelativeError <= EqualError.Targets[0];

    private IEnumerable<LayerStudyPoint> AtLength(
        int n, IReadOnlyList<LayerTensors> layers, LayerStudyPoint[] known, IProgress<StudyProgress> progress, CancellationToken cancellationToken)
    {
        progress.Report(new StudyProgress(0, $"exact, n = {n}"));
        var exactMethod = new ExactAttention();
        LayerMeasurement exact = Measure(exactMethod, layers, cancellationToken);
        LayerStudyPoint exactPoint = known.FirstOrDefault(point => point.Spec == "exact")
            ?? Keep(Point("exact", "exact", n, exact, exact, exact.Report.Seconds, CacheBytes(exactMethod, layers[0], cancellationToken)));
        yield return exactPoint;
        if (_peer is not null)
        {
            yield return known.FirstOrDefault(point => point.Method == LayerStudyPoint.PeerMethod)
                ?? Keep(Point(LayerStudyPoint.PeerMethod, _peer.Name, n, LayerMeasurement.Of(layers, layer => _peer.Run(layer, _options)), exact, exactPoint.Seconds, cacheBytes: null));
        }
        for (int i = 0; i < _sweeps.Length; i++)
        {
            long? bytes = null;
            foreach (string spec in _sweeps[i].Specs(n))
            {
                progress.Report(new StudyProgress((i + 1.0) / (_sweeps.Length + 1), $"{spec}, n = {n}"));
                LayerStudyPoint? point = known.FirstOrDefault(point => point.Spec == spec);
                if (point is null)
                {
                    IAttention method = AttentionMethods.Create(spec);
                    LayerMeasurement measured = Measure(method, layers, cancellationToken);
                    // The sizes change little of what a cache holds.
                    bytes ??= CacheBytes(method, layers[0], cancellationToken);
                    point = Keep(Point(_sweeps[i].Name, spec, n, measured, exact, exactPoint.Seconds, bytes));
                }
                yield return point;
                if (Ends(point))
                {
                    break;
                }
            }
        }
    }

    private LayerStudyPoint Keep(LayerStudyPoint point)
    {
        _file.Append(point);
        return point;
    }

    private static LayerStudyPoint Point(
        string method, string spec, int n, LayerMeasurement measured, LayerMeasurement exact, double exactSeconds, long? cacheBytes) => new()
        {
            Method = method,
            Spec = spec,
            N = n,
            Seconds = measured.Report.Seconds,
            ExactSeconds = exactSeconds,
            Budget = measured.Report.Budget,
            IndexShare = measured.Report.IndexSeconds / measured.Report.Seconds,
            RelativeError = measured.ErrorAgainst(exact),
            CacheBytes = cacheBytes,
        };

    private LayerMeasurement Measure(IAttention method, IReadOnlyList<LayerTensors> layers, CancellationToken cancellationToken) =>
        LayerMeasurement.Of(layers, layer => LayerRun.Of(method, layer, causal: true, _options, cancellationToken));

    /// <summary>Bytes that a method's cache holds of a layer.</summary>
    private long CacheBytes(IAttention method, LayerTensors layer, CancellationToken cancellationToken)
    {
        AttentionShape shape = layer.Shape;
        using IKeyValueCache cache = method.CreateCache(
            new CacheShape(shape.QueryHeads, shape.KeyValueHeads, shape.HeadDimension, shape.ValueDimension), _options with { Layer = layer.Layer });
        AttentionInput input = layer.Input(causal: true);
        cache.AppendAndAttend(
            shape.Keys,
            RowsFirst(input.Queries, shape.QueryHeads, shape.HeadDimension),
            RowsFirst(input.Keys, shape.KeyValueHeads, shape.HeadDimension),
            RowsFirst(input.Values, shape.KeyValueHeads, shape.ValueDimension),
            new float[shape.Queries * shape.QueryHeads * shape.ValueDimension],
            cancellationToken);
        return cache.Bytes;
    }

    /// <summary>Dense [heads, rows, columns] as dense [rows, heads, columns].</summary>
    private static float[] RowsFirst(ReadOnlySpan<float> headsFirst, int heads, int columns)
    {
        int rows = headsFirst.Length / heads / columns;
        var result = new float[headsFirst.Length];
        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < rows; row++)
            {
                headsFirst.Slice((head * rows + row) * columns, columns).CopyTo(result.AsSpan((row * heads + head) * columns));
            }
        }
        return result;
    }

    /// <summary>The first calls run code that the just-in-time compiler has not optimised yet.</summary>
    private void WarmUp(IReadOnlyList<LayerTensors> layers, CancellationToken cancellationToken)
    {
        LayerTensors layer = layers[0].Prefix(Math.Min(layers[0].Shape.Keys, WarmUpTokens));
        foreach (string spec in _sweeps.Select(sweep => sweep.Specs(layer.Shape.Keys)[0]).Prepend("exact"))
        {
            IAttention method = AttentionMethods.Create(spec);
            for (int i = 0; i < 3; i++)
            {
                LayerRun.Of(method, layer, causal: true, _options, cancellationToken);
            }
        }
        _peer?.Run(layer, _options);
    }
}
