using Prescore.Clustering;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

/// <summary>Kernel k-means on keys of a language model, against a double-precision reference.</summary>
public class KernelKMeansGoldenTests
{
    private const int D = ScoringKeys.Dimension;
    private const int K = 8;

    private readonly GoldenTensors _golden = GoldenTensors.Open("kernel_kmeans");
    private readonly GaussianKernel _kernel;

    public KernelKMeansGoldenTests()
    {
        float[] keys = GoldenTensors.Open("keys").Floats("k");
        _kernel = new GaussianKernel(ScoringKeys.Matrix([.. _golden.Integers("rows").SelectMany(i => keys[(i * D)..((i + 1) * D)])], D));
    }

    [Fact]
    public void Kernel_matrix()
    {
        new[] { _kernel.Gamma }.ShouldMatchEach(_golden.Doubles("gamma"), 1e-9);
        _kernel[0].ToArray().ShouldMatchEach(_golden.Doubles("kernel_row0"), 1e-9);
    }

    [Fact]
    public void Distances_to_the_initial_clusters()
    {
        int[] labels = _golden.Integers("labels_init");
        double[] distances = Distances(labels);
        distances.ShouldMatchEach(_golden.Doubles("distances_init"), 1e-9);
        new[] { Objective(labels) }.ShouldMatchEach(_golden.Doubles("objective_init"), 1e-9);
    }

    [Fact]
    public void Iteration_to_convergence()
    {
        int[] labels = _golden.Integers("labels_init");
        double[] history = _golden.Doubles("objective_history");
        for (int move = 0; move < history.Length; move++)
        {
            new[] { Objective(labels) }.ShouldMatchEach(history[move..(move + 1)], 1e-9);
            KernelKMeans.Refine(_kernel, K, labels, 1).ShouldBe(1);
        }
        labels.ShouldBe(_golden.Integers("labels"));
        new[] { Objective(labels) }.ShouldMatchEach(_golden.Doubles("objective"), 1e-9);

        int[] atOnce = _golden.Integers("labels_init");
        KernelKMeans.Refine(_kernel, K, atOnce, 1000).ShouldBeLessThanOrEqualTo(history.Length);
        atOnce.ShouldBe(labels);
    }

    private double[] Distances(int[] labels)
    {
        var distances = new double[labels.Length * K];
        KernelKMeans.SquaredDistances(_kernel, K, labels, distances);
        return distances;
    }

    private double Objective(int[] labels)
    {
        double[] distances = Distances(labels);
        return labels.Select((label, i) => distances[i * K + label]).Sum();
    }
}
