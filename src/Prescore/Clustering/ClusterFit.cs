namespace Prescore.Clustering;

/// <summary>Result of fitting clusters.</summary>
/// <param name="Centres">The centres; owned by the receiver.</param>
/// <param name="Steps">Steps (move the centres, assign the points) taken.</param>
/// <param name="Converged">Whether the last step changed no label.</param>
/// <param name="Products">Point·centre products computed.</param>
public sealed record ClusterFit(CentreSet Centres, int Steps, bool Converged, long Products);
