using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Models.Layers;

/// <summary>
/// The feed-forward layer of a transformer: down(activation(up(x))), or gated down(activation(gate(x)) · up(x)) (Shazeer,
/// arXiv 2002.05202). Owns its linear layers.
/// </summary>
public sealed class FeedForward : IDisposable
{
    private readonly Linear _up;
    private readonly Linear _down;
    private readonly Activation _activation;
    private readonly bool _gated;

    /// <summary>Creates the layer.</summary>
    /// <param name="up">The first product; gated: gate and up side by side.</param>
    /// <param name="activation">The nonlinearity.</param>
    /// <param name="down">Back to the residual stream.</param>
    /// <exception cref="ArgumentException">The first product's outputs are neither the second's inputs nor twice as many.</exception>
    public FeedForward(Linear up, Activation activation, Linear down)
    {
        _gated = up.Outputs == 2 * down.Inputs;
        if (!_gated && up.Outputs != down.Inputs)
        {
            throw new ArgumentException($"{up.Outputs} outputs do not fit {down.Inputs} inputs", nameof(down));
        }
        (_up, _activation, _down) = (up, activation, down);
    }

    /// <summary>Floats a row between the two products.</summary>
    public int InnerWidth => _up.Outputs;

    /// <summary>Bytes of the weights.</summary>
    public long Bytes => _up.Bytes + _down.Bytes;

    /// <summary>Applies the layer to dense rows.</summary>
    /// <param name="input">Rows [rows, inputs].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="inner">Room for [rows, <see cref="InnerWidth"/>].</param>
    /// <param name="output">Receives [rows, outputs].</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    public void Apply(ReadOnlySpan<float> input, int rows, Memory<float> inner, Span<float> output, int threads)
    {
        if (_gated && _activation == Activation.Silu && _up.HasSwiGlu(rows))
        {
            _up.ApplySwiGlu(input, rows, inner.Span, _up.Outputs, threads);
        }
        else
        {
            _up.Apply(input, _up.Inputs, rows, inner.Span, threads);
            ParallelRows.Run(rows, threads, row => Activate(inner.Span.Slice(row * _up.Outputs, _up.Outputs)));
        }
        _down.Apply(inner.Span, _up.Outputs, rows, output, threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _up.Dispose();
        _down.Dispose();
    }

    /// <summary>One row between the two products.</summary>
    private void Activate(Span<float> values)
    {
        Span<float> inner = values[.._down.Inputs];
        if (_gated && _activation == Activation.Silu)
        {
            SwiGlu.Apply(inner, values[_down.Inputs..]);
            return;
        }
        Activations.Apply(_activation, inner);
        if (_gated)
        {
            TensorPrimitives.Multiply(inner, values[_down.Inputs..], inner);
        }
    }
}
