using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Models.Evaluation.Images;

/// <summary>A linear classifier on standardised features: logits = W (feature − mean) / std + b.</summary>
public sealed class LinearProbe
{
    private readonly float[] _weights;
    private readonly float[] _bias;
    private readonly float[] _mean;
    private readonly float[] _deviation;

    private LinearProbe(float[] weights, float[] bias, float[] mean, float[] deviation)
    {
        (_weights, _bias, _mean, _deviation) = (weights, bias, mean, deviation);
    }

    /// <summary>Number of classes.</summary>
    public int Classes => _bias.Length;

    /// <summary>Length of a feature.</summary>
    public int Features => _mean.Length;

    /// <summary>Reads <c>W</c> [classes, features], <c>b</c> [classes], <c>mean</c> and <c>std</c> [features].</summary>
    /// <exception cref="ModelFormatException">A tensor is missing or they do not fit together.</exception>
    public static LinearProbe Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        float[] weights = file.ReadFloats("W"), bias = file.ReadFloats("b"), mean = file.ReadFloats("mean"), deviation = file.ReadFloats("std");
        return bias.Length > 0 && mean.Length == deviation.Length && weights.LongLength == (long)bias.Length * mean.Length && deviation.All(x => x > 0)
            ? new LinearProbe(weights, bias, mean, deviation)
            : throw new ModelFormatException(path, "W, b, mean and std do not make a linear probe", "store W [classes, features] and the others to fit");
    }

    /// <summary>One logit a class.</summary>
    /// <param name="feature">A feature of <see cref="Features"/> numbers.</param>
    public float[] Logits(ReadOnlySpan<float> feature)
    {
        var logits = new float[Classes];
        for (int c = 0; c < logits.Length; c++)
        {
            double sum = _bias[c];
            for (int i = 0; i < Features; i++)
            {
                sum += (double)_weights[c * Features + i] * (feature[i] - _mean[i]) / _deviation[i];
            }
            logits[c] = (float)sum;
        }
        return logits;
    }
}
