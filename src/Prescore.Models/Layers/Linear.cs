using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Models.Layers;

/// <summary>
/// A linear layer y = W x + b. W may be several matrices under each other that share the input: queries, keys and values,
/// or gate and up. Owns its matrix; immutable and safe to share between threads.
/// </summary>
public sealed class Linear : IDisposable
{
    private readonly WeightMatrix _matrix;
    private readonly float[]? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="matrix">W [outputs, inputs].</param>
    /// <param name="bias">One number an output; null: none.</param>
    /// <exception cref="ArgumentException">The bias has another length than there are outputs.</exception>
    public Linear(WeightMatrix matrix, float[]? bias = null)
    {
        if (bias is not null && bias.Length != matrix.Rows)
        {
            throw new ArgumentException($"a bias of {bias.Length} for {matrix.Rows} outputs", nameof(bias));
        }
        (_matrix, _bias) = (matrix, bias);
    }

    /// <summary>Length of an input row.</summary>
    public int Inputs => _matrix.Depth;

    /// <summary>Length of an output row.</summary>
    public int Outputs => _matrix.Rows;

    /// <summary>Bytes of the weights, in memory or in a mapped file.</summary>
    public long Bytes => _matrix.Bytes + sizeof(float) * (long)(_bias?.Length ?? 0);

    /// <summary>Applies the layer to some rows. Bit-equal for every thread count.</summary>
    /// <param name="input">Rows of <see cref="Inputs"/> floats, <paramref name="inputStride"/> apart.</param>
    /// <param name="inputStride">Floats from one input row to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="output">Receives rows of <see cref="Outputs"/> floats, dense.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public void Apply(ReadOnlySpan<float> input, int inputStride, int rows, Span<float> output, int threads)
    {
        _matrix.Multiply(input, inputStride, rows, output, Outputs, threads);
        for (int row = 0; _bias is not null && row < rows; row++)
        {
            Span<float> outputs = output.Slice(row * Outputs, Outputs);
            TensorPrimitives.Add(outputs, _bias, outputs);
        }
    }

    /// <summary>Whether <see cref="ApplySwiGlu"/> takes so many rows.</summary>
    internal bool HasSwiGlu(int rows) => _bias is null && _matrix.HasSwiGlu(rows);

    /// <summary>The first half of the outputs as gates of the second (<see cref="WeightMatrix.MultiplySwiGlu"/>), in rows <paramref name="outputStride"/> apart.</summary>
    internal void ApplySwiGlu(ReadOnlySpan<float> input, int rows, Span<float> output, int outputStride, int threads) =>
        _matrix.MultiplySwiGlu(input, Inputs, rows, output, outputStride, threads);

    /// <inheritdoc/>
    public void Dispose() => _matrix.Dispose();
}
