namespace Prescore.Clustering;

/// <summary>Result of fitting clusters; who receives it disposes of it, or of the centres that it takes from it.</summary>
/// <param name="Centres">The centres.</param>
/// <param name="Steps">Steps (move the centres, assign the points) taken.</param>
/// <param name="Converged">Whether the last step changed no label.</param>
/// <param name="Products">Point·centre products computed.</param>
public sealed record ClusterFit(CentreSet Centres, int Steps, bool Converged, long Products) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Centres.Dispose();
}
