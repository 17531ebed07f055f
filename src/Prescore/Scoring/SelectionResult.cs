namespace Prescore.Scoring;

/// <summary>What <see cref="TopSelection"/> did.</summary>
/// <param name="Count">How many keys were selected.</param>
/// <param name="Flat">Whether the scores were flat, so that evenly spaced keys were taken.</param>
public readonly record struct SelectionResult(int Count, bool Flat);
