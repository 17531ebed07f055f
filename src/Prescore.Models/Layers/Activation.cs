namespace Prescore.Models.Layers;

/// <summary>The nonlinearity of a feed-forward layer.</summary>
public enum Activation
{
    /// <summary>x · σ(x), also called swish.</summary>
    Silu,

    /// <summary>x · Φ(x) with the normal distribution's Φ (Hendrycks and Gimpel, arXiv 1606.08415).</summary>
    Gelu,

    /// <summary>The same paper's approximation by the hyperbolic tangent: <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>.</summary>
    GeluTanh,
}
