using System.Diagnostics;
using System.Numerics.Tensors;
using Prescore.Models.Families;

namespace Prescore.Models.Evaluation;

/// <summary>
/// Likelihoods from final hidden states: projects a few rows at a time through the head, so that logits of all tokens
/// are never held at once.
/// </summary>
public sealed class TokenLikelihood
{
    /// <summary>Rows projected at a time: their logits (rows × vocabulary floats) are what is held.</summary>
    private const int ChunkRows = 96;

    /// <summary>Terms summed in fp32; their sums are added in double, or the many small terms of a vocabulary would be rounded away beside the large ones.</summary>
    private const int SummedTerms = 256;

    private readonly CausalModel _model;
    private readonly float[] _logits;
    private readonly float[] _exactLogits;
    private readonly double[] _logSums = new double[ChunkRows];

    /// <summary>Prepares buffers of two chunks of logits.</summary>
    public TokenLikelihood(CausalModel model)
    {
        _model = model;
        _logits = new float[ChunkRows * model.Configuration.VocabularySize];
        _exactLogits = new float[ChunkRows * model.Configuration.VocabularySize];
    }

    /// <summary>Bytes that an instance holds for a model.</summary>
    public static long BytesFor(ModelConfiguration configuration) => 2L * sizeof(float) * ChunkRows * configuration.VocabularySize;

    /// <summary>Negative log-likelihood of targets, in nats.</summary>
    /// <param name="hidden">Hidden states after the final norm, dense [targets, hidden].</param>
    /// <param name="targets">The token that follows each row.</param>
    /// <param name="nll">Receives −ln p(target) of each row.</param>
    /// <param name="cancellationToken">Stops between chunks.</param>
    public void NegativeLogLikelihood(
        ReadOnlySpan<float> hidden, ReadOnlySpan<int> targets, Span<float> nll, CancellationToken cancellationToken = default)
    {
        for (int first = 0; first < targets.Length; first += ChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(ChunkRows, targets.Length - first);
            ChunkLikelihood(hidden, first, targets.Slice(first, rows), nll[first..]);
        }
    }

    /// <summary>
    /// <see cref="NegativeLogLikelihood"/>, and the next-token distributions compared with those of exact attention, row by
    /// row.
    /// </summary>
    /// <param name="hidden">Hidden states after the final norm, dense [targets, hidden].</param>
    /// <param name="targets">The token that follows each row.</param>
    /// <param name="nll">Receives −ln p(target) of each row.</param>
    /// <param name="exact">Exact's hidden states of the same tokens.</param>
    /// <param name="divergence">Receives KL(exact‖method) of each row in nats.</param>
    /// <param name="sameTop">Receives whether both give the same token the largest logit (ties to the lower token).</param>
    /// <param name="cancellationToken">Stops between chunks.</param>
    /// <returns>The time that the comparison took, likelihoods aside.</returns>
    public TimeSpan Compare(
        ReadOnlySpan<float> hidden,
        ReadOnlySpan<int> targets,
        Span<float> nll,
        ReadOnlySpan<float> exact,
        Span<float> divergence,
        Span<bool> sameTop,
        CancellationToken cancellationToken = default)
    {
        int vocabulary = _model.Configuration.VocabularySize;
        var divergences = new float[ChunkRows];
        var same = new bool[ChunkRows];
        TimeSpan comparing = TimeSpan.Zero;
        for (int first = 0; first < targets.Length; first += ChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(ChunkRows, targets.Length - first);
            ChunkLikelihood(hidden, first, targets.Slice(first, rows), nll[first..]);
            long start = Stopwatch.GetTimestamp();
            Project(exact, first, rows, _exactLogits);
            ForRows(rows, row =>
            {
                Span<float> method = _logits.AsSpan(row * vocabulary, vocabulary);
                Span<float> reference = _exactLogits.AsSpan(row * vocabulary, vocabulary);
                same[row] = TensorPrimitives.IndexOfMax<float>(reference) == TensorPrimitives.IndexOfMax<float>(method);
                divergences[row] = (float)Divergence(reference, method, _logSums[row]);
            });
            divergences.AsSpan(0, rows).CopyTo(divergence[first..]);
            same.AsSpan(0, rows).CopyTo(sameTop[first..]);
            comparing += Stopwatch.GetElapsedTime(start);
        }
        return comparing;
    }

    /// <summary>
    /// Likelihoods of one chunk. Leaves in <see cref="_logits"/> the logits less each row's largest, and in
    /// <see cref="_logSums"/> the logarithms of the sums of their exponentials.
    /// </summary>
    private void ChunkLikelihood(ReadOnlySpan<float> hidden, int first, ReadOnlySpan<int> targets, Span<float> nll)
    {
        int vocabulary = _model.Configuration.VocabularySize;
        Project(hidden, first, targets.Length, _logits);
        ForRows(targets.Length, row =>
        {
            Span<float> logits = _logits.AsSpan(row * vocabulary, vocabulary);
            TensorPrimitives.Subtract(logits, TensorPrimitives.Max<float>(logits), logits);
            _logSums[row] = LogSumExp(logits);
        });
        for (int row = 0; row < targets.Length; row++)
        {
            nll[row] = (float)(_logSums[row] - _logits[row * vocabulary + targets[row]]);
        }
    }

    /// <summary>ln p(token) of one row of logits, which are used up.</summary>
    /// <param name="logits">Logits of the whole vocabulary.</param>
    /// <param name="token">The token.</param>
    /// <returns>Nats, at most 0 but for rounding.</returns>
    public static double LogProbability(Span<float> logits, int token)
    {
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max<float>(logits), logits);
        return logits[token] - LogSumExp(logits);
    }

    /// <summary>ln Σ e^x of logits x ≤ 0.</summary>
    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        Span<float> exponentials = stackalloc float[SummedTerms];
        double sum = 0;
        for (int start = 0; start < logits.Length; start += SummedTerms)
        {
            ReadOnlySpan<float> x = logits.Slice(start, Math.Min(SummedTerms, logits.Length - start));
            TensorPrimitives.Exp(x, exponentials);
            sum += TensorPrimitives.Sum<float>(exponentials[..x.Length]);
        }
        return Math.Log(sum);
    }

    /// <summary>
    /// KL(p‖q) = Σ pᵢ(xᵢ − yᵢ) − ln Σ e^x + ln Σ e^y with p's logits x and q's logits y; both are used up.
    /// </summary>
    /// <param name="x">p's logits.</param>
    /// <param name="y">q's logits less their largest.</param>
    /// <param name="logSumY">ln Σ e^y.</param>
    private static double Divergence(Span<float> x, Span<float> y, double logSumY)
    {
        TensorPrimitives.Subtract(x, TensorPrimitives.Max<float>(x), x);
        TensorPrimitives.Subtract(x, y, y);
        Span<float> exponentials = stackalloc float[SummedTerms];
        double sum = 0, weighted = 0;
        for (int start = 0; start < x.Length; start += SummedTerms)
        {
            int count = Math.Min(SummedTerms, x.Length - start);
            TensorPrimitives.Exp(x.Slice(start, count), exponentials);
            sum += TensorPrimitives.Sum<float>(exponentials[..count]);
            weighted += TensorPrimitives.Dot<float>(exponentials[..count], y.Slice(start, count));
        }
        // Rounding can leave a tiny negative number where the two are the same.
        return Math.Max(0, weighted / sum - Math.Log(sum) + logSumY);
    }

    private void Project(ReadOnlySpan<float> hidden, int first, int rows, float[] logits)
    {
        int size = _model.Configuration.HiddenSize;
        _model.Logits(hidden[(first * size)..], rows, logits);
    }

    private void ForRows(int rows, Action<int> body) =>
        Parallel.For(0, rows, new ParallelOptions { MaxDegreeOfParallelism = _model.Options.Threads }, body);
}
