namespace Prescore.Numerics;

/// <summary>What a random number of <see cref="CounterRandom"/> is for. One number a purpose keeps purposes independent.</summary>
public static class RandomStream
{
    /// <summary>Cluster seeding (k-means++).</summary>
    public const int Seeding = 1;

    /// <summary>Scores of the random scorer.</summary>
    public const int RandomScore = 2;

    /// <summary>Hash planes of angular LSH.</summary>
    public const int HashPlanes = 3;

    /// <summary>Order in which keys are drawn for the residual of HyperAttention.</summary>
    public const int ResidualOrder = 4;

    /// <summary>New clusters of a growing key index.</summary>
    public const int IndexGrowth = 5;

    /// <summary>First guess at the eigenvectors of a sketch of the keys.</summary>
    public const int SketchStart = 6;

    /// <summary>Tokens drawn when a text is generated.</summary>
    public const int Sampling = 16;

    /// <summary>Haystacks of a needle study, and the two numbers after it.</summary>
    public const int Needle = 17;
}
