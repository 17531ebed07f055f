using System.Numerics.Tensors;
using Prescore.Models.Architectures;

namespace Prescore.Models.Inference;

/// <summary>
/// Likelihoods from final hidden states: projects a few rows at a time through the head, so that logits of all tokens
/// are never held at once.
/// </summary>
public sealed class TokenLikelihood
{
    /// <summary>Rows projected at a time: their logits (rows × vocabulary floats) are what is held.</summary>
    private const int ChunkRows = 96;

    private readonly CausalModel _model;
    private readonly float[] _logits;
    private readonly float[] _otherLogits;

    /// <summary>Prepares buffers of two chunks of logits.</summary>
    public TokenLikelihood(CausalModel model)
    {
        _model = model;
        _logits = new float[ChunkRows * model.Configuration.VocabularySize];
        _otherLogits = new float[ChunkRows * model.Configuration.VocabularySize];
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
        int vocabulary = _model.Configuration.VocabularySize;
        var results = new float[ChunkRows];
        for (int first = 0; first < targets.Length; first += ChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(ChunkRows, targets.Length - first);
            Project(hidden, first, rows, _logits);
            int[] wanted = targets.Slice(first, rows).ToArray();
            ForRows(rows, row =>
            {
                Span<float> logits = _logits.AsSpan(row * vocabulary, vocabulary);
                float target = logits[wanted[row]];
                results[row] = (float)(LogSumExpInPlace(logits) - target);
            });
            results.AsSpan(0, rows).CopyTo(nll[first..]);
        }
    }

    /// <summary>Compares the next-token distributions of a method with those of exact attention, row by row.</summary>
    /// <param name="exact">Exact's hidden states after the final norm, dense [rows, hidden].</param>
    /// <param name="method">The method's, of the same tokens.</param>
    /// <param name="divergence">Receives KL(exact‖method) of each row in nats.</param>
    /// <param name="sameTop">Receives whether both give the same token the largest logit (ties to the lower token).</param>
    /// <param name="cancellationToken">Stops between chunks.</param>
    public void Compare(
        ReadOnlySpan<float> exact, ReadOnlySpan<float> method, Span<float> divergence, Span<bool> sameTop, CancellationToken cancellationToken = default)
    {
        int vocabulary = _model.Configuration.VocabularySize;
        var divergences = new float[ChunkRows];
        var same = new bool[ChunkRows];
        for (int first = 0; first < divergence.Length; first += ChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int rows = Math.Min(ChunkRows, divergence.Length - first);
            Project(exact, first, rows, _logits);
            Project(method, first, rows, _otherLogits);
            ForRows(rows, row =>
            {
                Span<float> p = _logits.AsSpan(row * vocabulary, vocabulary);
                Span<float> q = _otherLogits.AsSpan(row * vocabulary, vocabulary);
                same[row] = TensorPrimitives.IndexOfMax<float>(p) == TensorPrimitives.IndexOfMax<float>(q);
                divergences[row] = (float)Divergence(p, q);
            });
            divergences.AsSpan(0, rows).CopyTo(divergence[first..]);
            same.AsSpan(0, rows).CopyTo(sameTop[first..]);
        }
    }

    /// <summary>KL(p‖q) = Σ p·(ln p − ln q) from logits; overwrites both.</summary>
    private static double Divergence(Span<float> p, Span<float> q)
    {
        float topP = TensorPrimitives.Max<float>(p), topQ = TensorPrimitives.Max<float>(q);
        TensorPrimitives.Subtract(p, topP, p);
        TensorPrimitives.Subtract(q, topQ, q);
        // With x = p's and y = q's shifted logits: KL = Σ pᵢ(xᵢ − yᵢ) − ln Σ e^x + ln Σ e^y.
        TensorPrimitives.Subtract(p, q, q);
        double sumP = 0, sumQ = 0, weighted = 0;
        Span<float> e = stackalloc float[256];
        Span<float> f = stackalloc float[256];
        for (int start = 0; start < p.Length; start += e.Length)
        {
            int count = Math.Min(e.Length, p.Length - start);
            ReadOnlySpan<float> x = p.Slice(start, count), difference = q.Slice(start, count);
            TensorPrimitives.Exp(x, e);
            sumP += TensorPrimitives.Sum<float>(e[..count]);
            weighted += TensorPrimitives.Dot(e[..count], difference);
            TensorPrimitives.Subtract(x, difference, f);
            TensorPrimitives.Exp(f[..count], f);
            sumQ += TensorPrimitives.Sum<float>(f[..count]);
        }
        // Rounding can leave a tiny negative number where the two are the same.
        return Math.Max(0, weighted / sumP - Math.Log(sumP) + Math.Log(sumQ));
    }

    /// <summary>
    /// ln Σ e^x; overwrites the logits. Pieces are summed in double: in one long fp32 sum the many small terms of a
    /// vocabulary are rounded away beside the large ones.
    /// </summary>
    private static double LogSumExpInPlace(Span<float> logits)
    {
        const int Piece = 256;
        float top = TensorPrimitives.Max<float>(logits);
        TensorPrimitives.Subtract(logits, top, logits);
        TensorPrimitives.Exp(logits, logits);
        double sum = 0;
        for (int start = 0; start < logits.Length; start += Piece)
        {
            sum += TensorPrimitives.Sum<float>(logits.Slice(start, Math.Min(Piece, logits.Length - start)));
        }
        return top + Math.Log(sum);
    }

    private void Project(ReadOnlySpan<float> hidden, int first, int rows, float[] logits)
    {
        int size = _model.Configuration.HiddenSize;
        _model.Head.Multiply(hidden[(first * size)..], size, rows, logits, _model.Configuration.VocabularySize, _model.Options.Threads);
    }

    private void ForRows(int rows, Action<int> body) =>
        Parallel.For(0, rows, new ParallelOptions { MaxDegreeOfParallelism = _model.Options.Threads }, body);
}
