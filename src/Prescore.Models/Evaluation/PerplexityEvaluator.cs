using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Inference;

namespace Prescore.Models.Evaluation;

/// <summary>
/// Perplexity of a model under different attention methods on the first windows of a text. The target at position i is
/// predicted from positions 0 … i − 1 of its window; targets at positions below <c>skip</c> are context only.
/// </summary>
public sealed class PerplexityEvaluator
{
    /// <summary>
    /// Tokens run untimed before a method's windows: the runtime compiles the method's code while it first runs, which
    /// would count against whichever method comes first.
    /// </summary>
    private const int WarmUpTokens = 256;

    private readonly CausalModel _model;
    private readonly int[] _tokens;
    private readonly int _context;
    private readonly int _windows;
    private readonly int _firstTarget;
    private readonly TokenLikelihood _likelihood;

    /// <summary>Prepares an evaluation.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokens">At least <paramref name="context"/> · <paramref name="windows"/> tokens.</param>
    /// <param name="context">Tokens a window, at least 2.</param>
    /// <param name="windows">Number of windows, one after the other, at least 1.</param>
    /// <param name="skip">Targets at positions below it are not scored; less than <paramref name="context"/>.</param>
    /// <exception cref="ArgumentException">A number is out of range or there are too few tokens.</exception>
    public PerplexityEvaluator(CausalModel model, ReadOnlySpan<int> tokens, int context, int windows, int skip)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(context, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(windows, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        if (tokens.Length < (long)context * windows)
        {
            throw new ArgumentException($"{windows} windows of {context} tokens need {(long)context * windows} tokens, not {tokens.Length}", nameof(tokens));
        }
        // The token at position 0 has nothing before it.
        _firstTarget = Math.Max(1, skip);
        if (_firstTarget >= context)
        {
            throw new ArgumentException($"skipping {skip} targets leaves none to score in a context of {context}", nameof(skip));
        }
        _model = model;
        _tokens = tokens[..(context * windows)].ToArray();
        _context = context;
        _windows = windows;
        _likelihood = new TokenLikelihood(model);
    }

    /// <summary>Targets scored a window.</summary>
    public int TargetsPerWindow => _context - _firstTarget;

    /// <summary>Targets scored in all.</summary>
    public int Targets => TargetsPerWindow * _windows;

    /// <summary>Runs a method.</summary>
    /// <param name="attention">The method that every layer uses.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    /// <param name="exact">Exact's run, to compare with; null: this is exact's run, or no comparison is wanted.</param>
    /// <param name="progress">Told the fraction that is done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public PerplexityRun Run(
        IAttention attention, AttentionOptions options, PerplexityRun? exact = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var nll = new float[Targets];
        var divergence = new float[exact is null ? 0 : Targets];
        var sameTop = new bool[divergence.Length];
        var kept = new float[_windows][];
        var certificates = new IReadOnlyList<HeadCertificate>[_windows];
        var attentionWork = new AttentionReport();
        double seconds = 0;
        WarmUp(attention, options, cancellationToken);
        for (int window = 0; window < _windows; window++)
        {
            long start = Stopwatch.GetTimestamp();
            float[] hidden = Forward(
                attention, options, window, ref attentionWork, out certificates[window], WindowProgress(progress, window), cancellationToken);
            ReadOnlySpan<int> targets = _tokens.AsSpan(window * _context + _firstTarget, TargetsPerWindow);
            Range range = (window * TargetsPerWindow)..((window + 1) * TargetsPerWindow);
            TimeSpan comparing = TimeSpan.Zero;
            if (exact is null)
            {
                _likelihood.NegativeLogLikelihood(hidden, targets, nll.AsSpan(range), cancellationToken);
            }
            else
            {
                comparing = _likelihood.Compare(
                    hidden, targets, nll.AsSpan(range), exact.Hidden![window], divergence.AsSpan(range), sameTop.AsSpan(range), cancellationToken);
            }
            seconds += (Stopwatch.GetElapsedTime(start) - comparing).TotalSeconds;
            kept[window] = hidden;
            progress?.Report((window + 1.0) / _windows);
        }
        return new PerplexityRun
        {
            NegativeLogLikelihood = nll,
            Divergence = exact is null ? 0 : divergence.Average(d => (double)d),
            SameTopToken = exact is null ? 1 : sameTop.Count(same => same) / (double)Targets,
            Attention = attentionWork,
            Certificates = certificates,
            Seconds = seconds,
            Hidden = exact is null ? kept : null,
        };
    }

    /// <summary>Short windows are over before compiled code could matter.</summary>
    private void WarmUp(IAttention attention, AttentionOptions options, CancellationToken cancellationToken)
    {
        if (_context >= 4 * WarmUpTokens)
        {
            using var session = new CausalSession(_model, attention, options);
            session.Append(_tokens.AsSpan(0, WarmUpTokens), [], null, cancellationToken);
        }
    }

    /// <summary>Hidden states of the positions that predict the scored targets.</summary>
    private float[] Forward(
        IAttention attention,
        AttentionOptions options,
        int window,
        ref AttentionReport work,
        out IReadOnlyList<HeadCertificate> certificates,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        int size = _model.Configuration.HiddenSize;
        var hidden = new float[_context * size];
        using var session = new CausalSession(_model, attention, options);
        session.Append(_tokens.AsSpan(window * _context, _context), hidden, progress, cancellationToken);
        work += session.Attention;
        certificates = session.Certificates;
        return hidden.AsSpan((_firstTarget - 1) * size, TargetsPerWindow * size).ToArray();
    }

    private Progress? WindowProgress(IProgress<double>? progress, int window) =>
        progress is null ? null : new Progress(progress, window, _windows);

    /// <summary>The forward pass is most of a window's time; the head takes the rest.</summary>
    private sealed class Progress(IProgress<double> whole, int window, int windows) : IProgress<double>
    {
        private const double ForwardShare = 0.85;

        public void Report(double value) => whole.Report((window + ForwardShare * value) / windows);
    }
}
