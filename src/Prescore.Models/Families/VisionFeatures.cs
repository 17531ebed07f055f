using System.Numerics.Tensors;

namespace Prescore.Models.Families;

/// <summary>Tokens of one image after the final norm.</summary>
/// <param name="Tokens">Dense [tokens, hidden], CLS first, then the patches row by row.</param>
/// <param name="HiddenSize">Length of a token.</param>
public sealed record VisionFeatures(float[] Tokens, int HiddenSize)
{
    /// <summary>Number of tokens.</summary>
    public int Count => Tokens.Length / HiddenSize;

    /// <summary>The CLS token.</summary>
    public ReadOnlySpan<float> Cls => this[0];

    /// <summary>One token.</summary>
    public ReadOnlySpan<float> this[int token] => Tokens.AsSpan(token * HiddenSize, HiddenSize);

    /// <summary>Mean of all patch tokens, [hidden].</summary>
    public float[] PatchMean()
    {
        var sum = new float[HiddenSize];
        for (int token = 1; token < Count; token++)
        {
            TensorPrimitives.Add(sum, this[token], sum);
        }
        TensorPrimitives.Divide(sum, Math.Max(1, Count - 1), sum);
        return sum;
    }

    /// <summary>The CLS token and the mean of the patches, [2 · hidden].</summary>
    public float[] ClsAndPatchMean() => [.. Cls, .. PatchMean()];
}
