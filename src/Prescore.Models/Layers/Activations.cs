using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>Applies activations to rows in place.</summary>
public static class Activations
{
    private const int Piece = 256;

    /// <summary>values[i] = activation(values[i]).</summary>
    public static void Apply(Activation activation, Span<float> values)
    {
        Span<float> buffer = stackalloc float[3 * Piece];
        for (int start = 0; start < values.Length; start += Piece)
        {
            Span<float> x = values.Slice(start, Math.Min(Piece, values.Length - start));
            switch (activation)
            {
                case Activation.Silu:
                    Silu(x, buffer[..x.Length]);
                    break;
                case Activation.GeluTanh:
                    GeluTanh(x, buffer[..x.Length]);
                    break;
                default:
                    Gelu(x, buffer[..x.Length], buffer.Slice(Piece, x.Length), buffer.Slice(2 * Piece, x.Length));
                    break;
            }
        }
    }

    private static void Silu(Span<float> x, Span<float> sigmoid)
    {
        TensorPrimitives.Sigmoid(x, sigmoid);
        TensorPrimitives.Multiply(x, sigmoid, x);
    }

    /// <summary>½x(1 + tanh u) = x · σ(2u) with u = √(2/π)(x + 0.044715 x³).</summary>
    private static void GeluTanh(Span<float> x, Span<float> sigmoid)
    {
        const float Linear = 1.5957691216f, Cubic = Linear * 0.044715f;
        TensorPrimitives.Multiply(x, x, sigmoid);
        TensorPrimitives.Multiply(sigmoid, Cubic, sigmoid);
        TensorPrimitives.Add(sigmoid, Linear, sigmoid);
        TensorPrimitives.Multiply(sigmoid, x, sigmoid);
        TensorPrimitives.Sigmoid(sigmoid, sigmoid);
        TensorPrimitives.Multiply(x, sigmoid, x);
    }

    /// <summary>
    /// x · Φ(x), from Abramowitz and Stegun 7.1.26: erfc z = t · P(t) · e^(−z²) for z ≥ 0 with t = 1/(1 + 0.3275911 z), off by at
    /// most 1.5e-7. Of negative x the tail itself is computed, not one minus the rest.
    /// </summary>
    private static void Gelu(Span<float> x, Span<float> t, Span<float> tail, Span<float> magnitude)
    {
        const float InverseRoot = 0.70710678f;
        TensorPrimitives.Abs(x, magnitude);
        TensorPrimitives.Multiply(magnitude, InverseRoot, magnitude);
        TensorPrimitives.Multiply(magnitude, 0.3275911f, t);
        TensorPrimitives.Add(t, 1f, t);
        TensorPrimitives.Divide(1f, t, t);
        // Horner's scheme, halved: the tail is ½ erfc.
        tail.Fill(0.5f * 1.061405429f);
        foreach (float coefficient in (ReadOnlySpan<float>)[0.5f * -1.453152027f, 0.5f * 1.421413741f, 0.5f * -0.284496736f, 0.5f * 0.254829592f])
        {
            TensorPrimitives.MultiplyAdd(tail, t, coefficient, tail);
        }
        TensorPrimitives.Multiply(tail, t, tail);
        TensorPrimitives.Multiply(magnitude, magnitude, magnitude);
        TensorPrimitives.Negate(magnitude, magnitude);
        TensorPrimitives.Exp<float>(magnitude, magnitude);
        TensorPrimitives.Multiply(tail, magnitude, tail);
        // x · tail of negative x, x − x · tail of the others: max(x, 0) − |x| · tail, without a branch on a sign that is as good as random.
        TensorPrimitives.Abs(x, magnitude);
        TensorPrimitives.Multiply(tail, magnitude, tail);
        TensorPrimitives.Max(x, 0f, x);
        TensorPrimitives.Subtract(x, tail, x);
    }
}
