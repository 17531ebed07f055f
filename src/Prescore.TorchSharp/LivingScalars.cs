using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.TorchSharp;

/// <summary>
/// Operations whose scalars live until libtorch has read them. TorchSharp 0.107 makes a scalar of the number in
/// <c>a + b</c> or <c>a * 0.5</c> and passes its handle on; nothing refers to it then, and where a garbage collection falls
/// between, its finalizer frees what libtorch is about to read ("Expected false to be true" in toFloat, once in some
/// 100,000 steps). So scalars are held here, or by a <c>using</c> of who makes them.
/// </summary>
internal static class LivingScalars
{
    private static readonly Scalar One = 1;

    /// <summary>The sum of two tensors.</summary>
    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);

    /// <summary>A tensor times a number.</summary>
    public static Tensor Times(this Tensor tensor, double factor)
    {
        using Scalar scalar = factor;
        return tensor.mul(scalar);
    }
}
