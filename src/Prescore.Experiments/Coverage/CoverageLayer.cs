namespace Prescore.Experiments.Coverage;

/// <summary>What became of one layer, as it is kept in the file of an unfinished study.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Scorers">Scorers whose choices were looked at.</param>
/// <param name="Heads">Every query head.</param>
internal sealed record CoverageLayer(int Layer, IReadOnlyList<string> Scorers, IReadOnlyList<CoverageHead> Heads);

/// <summary>What became of one query head.</summary>
/// <param name="FarMass">Sum of all queries' attention on far keys.</param>
/// <param name="Queries">Number of queries.</param>
/// <param name="Heavy">Heavy far keys of all queries, a threshold each.</param>
/// <param name="Choices">What the choices of keys hold of it.</param>
internal sealed record CoverageHead(double FarMass, int Queries, IReadOnlyList<long> Heavy, IReadOnlyList<CoverageChoice> Choices);

/// <summary>What one choice of keys holds of a head's attention.</summary>
/// <param name="Name">How the keys are chosen.</param>
/// <param name="Mass">Sum of the attention on far keys of the choice.</param>
/// <param name="Heavy">Heavy far keys in the choice, a threshold each.</param>
internal sealed record CoverageChoice(string Name, double Mass, IReadOnlyList<long> Heavy)
{
    /// <summary>From the sums over queries.</summary>
    public static CoverageChoice Of(string name, Covered covered) => new(name, covered.Mass, covered.Heavy);
}
