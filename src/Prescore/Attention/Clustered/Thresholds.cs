namespace Prescore.Attention.Clustered;

/// <summary>
/// How much of the far part a query head computes: threshold s selects, to be computed exactly, the keys that by their screened logit
/// have at least the share θ(s) of the query's attention. Threshold 0 selects none; θ falls by the cube root of 2 each.
/// </summary>
public static class Thresholds
{
    /// <summary>All keys are selected: exact.</summary>
    public const int Exact = int.MaxValue;

    /// <summary>Number of steps below exact, step 0 among them; the last has θ near 5e-6.</summary>
    public const int Count = 49;

    /// <summary>log₂ of the first step's share.</summary>
    private const double FirstLog2 = -2;

    private const double StepsAnOctave = 3;

    /// <summary>θ of a step; 0 for <see cref="Exact"/> and infinite for step 0.</summary>
    /// <param name="step">0 … <see cref="Count"/> − 1, or <see cref="Exact"/>.</param>
    public static double Share(int step) => Math.Exp(LogShare(step));

    /// <summary>ln θ of a step.</summary>
    internal static double LogShare(int step) => step switch
    {
        0 => double.PositiveInfinity,
        Exact => double.NegativeInfinity,
        _ => Math.Log(2) * (FirstLog2 - (step - 1) / StepsAnOctave),
    };

    /// <summary>The first step whose share is at most <paramref name="share"/>; the last step where none is.</summary>
    internal static int StepOf(double share)
    {
        double step = 1 + StepsAnOctave * (FirstLog2 - Math.Log2(share));
        return (int)Math.Clamp(Math.Ceiling(step), 1, Count - 1);
    }
}
