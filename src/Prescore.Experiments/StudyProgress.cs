namespace Prescore.Experiments;

/// <summary>How far a study has come.</summary>
/// <param name="Fraction">Share of the work that is done, 0..1.</param>
/// <param name="Activity">What is being done now.</param>
public readonly record struct StudyProgress(double Fraction, string Activity);

/// <summary>Reports a part of a study as a part of the whole.</summary>
/// <param name="whole">Receives the progress of the whole; null: nobody.</param>
/// <param name="start">Fraction at which the part begins.</param>
/// <param name="share">Share of the whole that the part is.</param>
public sealed class PartialProgress(IProgress<StudyProgress>? whole, double start, double share) : IProgress<StudyProgress>
{
    /// <inheritdoc/>
    public void Report(StudyProgress value) => whole?.Report(value with { Fraction = start + share * value.Fraction });
}
