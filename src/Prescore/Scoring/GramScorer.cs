using System.Buffers;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Scores kᵀ(G + λI)⁻¹k with G = KᵀK and λ = ρ·trace(G)/d, as ‖L⁻¹k‖² with the Cholesky factor L: a matrix product and
/// a norm a key. G, L and L⁻¹ are computed in double precision.
/// </summary>
internal sealed class GramScorer : IFittedScorer
{
    /// <summary>Keys a product: 192 rows of 64 floats stay in the second-level cache.</summary>
    private const int Chunk = 192;

    private readonly PackedMatrix? _inverseFactor;

    /// <summary>Fits on keys.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="relativeRidge">ρ &gt; 0.</param>
    /// <param name="simd">SIMD path.</param>
    public GramScorer(in KeyMatrix keys, double relativeRidge, SimdPath simd)
    {
        int d = keys.Dimension;
        var gram = new double[d * d];
        var moment = new SecondMoment(d);
        moment.Add(keys);
        moment.CopySumTo(gram);
        IndexProducts = (long)keys.Count * (d + 1) / 2;
        double ridge = relativeRidge * Cholesky.Trace(gram, d) / d;
        if (ridge > 0)
        {
            Cholesky.AddRidge(gram, d, ridge);
            Cholesky.Factor(gram, d);
            Cholesky.InvertFactor(gram, d);
            _inverseFactor = PackedMatrix.Pack(Single(gram), d, d, simd);
        }
    }

    public long IndexProducts { get; private set; }

    public void Dispose() => _inverseFactor?.Dispose();

    public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
    {
        scores = scores[..keys.Count];
        if (_inverseFactor is null)
        {
            scores.Clear();
            return;
        }
        int d = keys.Dimension;
        float[] products = ArrayPool<float>.Shared.Rent(Chunk * d);
        for (int start = 0; start < keys.Count; start += Chunk)
        {
            int rows = Math.Min(Chunk, keys.Count - start);
            KeyMatrix chunk = keys.Slice(start, rows);
            _inverseFactor.Multiply(chunk.Values, chunk.Stride, rows, products, d, threads: 1);
            for (int i = 0; i < rows; i++)
            {
                scores[start + i] = ShortVectors.SumOfSquares(products.AsSpan(i * d, d));
            }
        }
        ArrayPool<float>.Shared.Return(products);
        FiniteScores.Clamp(scores);
        IndexProducts += (long)keys.Count * d;
    }

    private static float[] Single(double[] matrix)
    {
        var single = new float[matrix.Length];
        for (int i = 0; i < matrix.Length; i++)
        {
            single[i] = FiniteScores.From(matrix[i]);
        }
        return single;
    }
}
