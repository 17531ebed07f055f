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

/// <summary>Reports bare fractions as those of one activity.</summary>
/// <param name="whole">Receives them.</param>
/// <param name="activity">What is being done.</param>
public sealed class NamedProgress(IProgress<StudyProgress> whole, string activity) : IProgress<double>
{
    /// <inheritdoc/>
    public void Report(double value) => whole.Report(new StudyProgress(value, activity));
}
