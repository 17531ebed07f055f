using Prescore.Clustering;
using Prescore.Specs;

namespace Prescore.Scoring;

/// <summary>The registry of key scorers: one line a scorer.</summary>
public static class KeyScorers
{
    private static readonly (string Name, Func<IKeyScorer> Create)[] BuiltIn =
    [
        ("kmeans", () => new CentreScorer("kmeans", ClusterScore.Sensitivity, KMeans.Fit)),
        ("kmeans-far", () => new CentreScorer("kmeans-far", ClusterScore.Far, KMeans.Fit)),
        ("kmeans-near", () => new CentreScorer("kmeans-near", ClusterScore.Near, KMeans.Fit)),
        ("kmeans-share", () => new CentreScorer("kmeans-share", ClusterScore.Share, KMeans.Fit)),
        ("kmedian", () => new CentreScorer("kmedian", ClusterScore.Sensitivity, KMedian.Fit)),
        ("kmedian-far", () => new CentreScorer("kmedian-far", ClusterScore.Far, KMedian.Fit)),
        ("kmedian-near", () => new CentreScorer("kmedian-near", ClusterScore.Near, KMedian.Fit)),
        ("kmedian-share", () => new CentreScorer("kmedian-share", ClusterScore.Share, KMedian.Fit)),
        ("kernel-kmeans", () => new KernelKMeansScorer("kernel-kmeans", ClusterScore.Sensitivity)),
        ("kernel-kmeans-far", () => new KernelKMeansScorer("kernel-kmeans-far", ClusterScore.Far)),
        ("kernel-kmeans-near", () => new KernelKMeansScorer("kernel-kmeans-near", ClusterScore.Near)),
        ("kernel-kmeans-share", () => new KernelKMeansScorer("kernel-kmeans-share", ClusterScore.Share)),
        ("leverage", () => new LeverageScorer()),
        ("ridge", () => new RidgeScorer()),
        ("norm", () => new NormScorer()),
        ("keydiff", () => new KeyDiffScorer()),
        ("seeds", () => new LandmarkScorer("seeds", SeedLandmarks.Choose)),
        ("farthest", () => new LandmarkScorer("farthest", FarthestLandmarks.Choose)),
        ("medoids", () => new LandmarkScorer("medoids", MedoidLandmarks.Choose)),
        ("balanced", () => new LandmarkScorer("balanced", BalancedLandmarks.Choose)),
        ("random", () => new RandomScorer()),
        ("kmeans-value", () => new ValueWeightedScorer("kmeans-value", Create("kmeans"))),
        ("leverage-value", () => new ValueWeightedScorer("leverage-value", new LeverageScorer())),
        ("observed", () => new ObservedScorer()),
        ("observed-value", () => new ValueWeightedScorer("observed-value", new ObservedScorer())),
    ];

    private static readonly NameRegistry<Func<IKeyScorer>> Registry = new("scorer", BuiltIn);

    /// <summary>Names of all scorers.</summary>
    public static string[] Names => Registry.Names;

    /// <summary>Names of the scorers that ask for nothing beside keys: those that <see cref="CreateForKeys"/> creates.</summary>
    public static string[] NamesForKeys => [.. Names.Where(name => Create(name).Needs == ScorerNeeds.None)];

    /// <summary>Adds a scorer of another assembly, from then on known by its name in every spec.</summary>
    /// <param name="name">Lower-case name.</param>
    /// <param name="create">Creates it.</param>
    /// <exception cref="ArgumentException">The name is taken or no name of a spec.</exception>
    public static void Register(string name, Func<IKeyScorer> create) => Registry.Add(name, create);

    /// <summary>Creates a scorer by name.</summary>
    /// <exception cref="MethodSpecException">Unknown scorer, named with the nearest known one.</exception>
    public static IKeyScorer Create(string name) => Registry.Find(name)();

    /// <summary>Creates a scorer by name for a caller who has keys and nothing else.</summary>
    /// <exception cref="MethodSpecException">Unknown scorer, or one that asks for more than keys.</exception>
    public static IKeyScorer CreateForKeys(string name) => Create(name) is { Needs: ScorerNeeds.None } scorer
        ? scorer
        : throw new MethodSpecException($"scorer '{name}' asks for {Create(name).Needs.ToString().ToLowerInvariant()}, and there are only keys here");
}
