using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>The gated activation SiLU(gate) · up (Shazeer, arXiv 2002.05202).</summary>
internal static class SwiGlu
{
    /// <summary>gate = gate · σ(gate) · up, in place.</summary>
    public static void Apply(Span<float> gate, ReadOnlySpan<float> up)
    {
        Span<float> sigmoid = stackalloc float[256];
        for (int start = 0; start < gate.Length; start += sigmoid.Length)
        {
            Span<float> piece = gate.Slice(start, Math.Min(sigmoid.Length, gate.Length - start));
            TensorPrimitives.Sigmoid(piece, sigmoid);
            TensorPrimitives.Multiply(piece, sigmoid[..piece.Length], piece);
            TensorPrimitives.Multiply(piece, up.Slice(start, piece.Length), piece);
        }
    }
}
