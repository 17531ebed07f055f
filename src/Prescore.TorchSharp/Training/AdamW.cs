using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv 1711.05101). Own code because a training that is resumed must go on to the bit, and
/// libtorch's optimizer does not give its moments out by the parameters' names.
/// </summary>
internal sealed class AdamW : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.98;
    private const double Epsilon = 1e-8;

    private readonly double _weightDecay;
    private readonly (string Name, Tensor Value, Tensor First, Tensor Second)[] _parameters;

    /// <summary>Starts with moments of 0.</summary>
    /// <param name="parameters">Parameters by name; matrices decay, vectors do not.</param>
    /// <param name="weightDecay">Weight decay.</param>
    public AdamW(IEnumerable<(string Name, Tensor Value)> parameters, double weightDecay)
    {
        _weightDecay = weightDecay;
        _parameters = [.. parameters.Select(p => (p.Name, p.Value, zeros_like(p.Value).DetachFromDisposeScope(), zeros_like(p.Value).DetachFromDisposeScope()))];
    }

    /// <summary>Steps taken.</summary>
    public long Steps { get; set; }

    /// <summary>The moments by name.</summary>
    public IEnumerable<(string Name, Tensor Value)> Moments =>
        _parameters.SelectMany(p => new[] { ("first." + p.Name, p.First), ("second." + p.Name, p.Second) });

    /// <summary>Moves the parameters against their gradients.</summary>
    public void Step(double rate)
    {
        using var noGradient = no_grad();
        Steps++;
        using Scalar decay = 1 - rate * _weightDecay, step = -rate / (1 - Math.Pow(Beta1, Steps)), correction = 1 - Math.Pow(Beta2, Steps);
        using Scalar beta1 = Beta1, others1 = 1 - Beta1, beta2 = Beta2, others2 = 1 - Beta2, epsilon = Epsilon;
        foreach ((_, Tensor value, Tensor first, Tensor second) in _parameters)
        {
            using Tensor gradient = value.grad!;
            if (value.dim() > 1)
            {
                value.mul_(decay);
            }
            first.mul_(beta1).add_(gradient, alpha: others1);
            second.mul_(beta2).addcmul_(gradient, gradient, others2);
            using Tensor deviation = second.div(correction).sqrt_().add_(epsilon);
            value.addcdiv_(first, deviation, step);
            gradient.zero_();
        }
    }

    public void Dispose()
    {
        foreach ((_, _, Tensor first, Tensor second) in _parameters)
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
