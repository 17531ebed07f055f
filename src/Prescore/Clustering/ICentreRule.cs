using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>What the centre of a cluster is: the update step of Lloyd's iteration.</summary>
internal interface ICentreRule
{
    /// <summary>Moves every centre that has members; the others stay.</summary>
    /// <param name="points">Points [n, d].</param>
    /// <param name="labels">Labels [n].</param>
    /// <param name="count">Number k of centres.</param>
    /// <param name="centres">Centres [k, d] to move.</param>
    static abstract void Move(in KeyMatrix points, ReadOnlySpan<int> labels, int count, Span<float> centres);
}
