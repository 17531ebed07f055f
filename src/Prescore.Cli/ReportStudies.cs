using Prescore.Experiments.Evidence;
using Prescore.Experiments.Evidence.Sections;

namespace Prescore.Cli;

/// <summary>The studies of <c>prescore report</c>, one line each; a result is made by its command, and made anew when that changes.</summary>
internal static class ReportStudies
{
    /// <summary>Embedded model and text alone, minutes in all.</summary>
    public static IReadOnlyList<ReportStudy> Quick { get; } =
    [
        new("perplexity-4k", "Quality at a quarter of the work, 4,096 tokens", 2, new PerplexitySection(), ["perplexity"]),
        new("planted", "Planted heavy keys", 1, new PlantedSection(), ["study", "planted", "--seeds", "10", "--keys", "4000"]),
        new("bench", "Time against length", 1, new BenchSection(), ["bench", "--lengths", "1k,2k,4k,8k"]),
        new("vision", "A vision transformer with a few keys a query", 1, new VisionSection(), ["study", "vision", "--images", "50", "--scorers", "random", "kmeans", "leverage", "--keys", "16", "64"]),
    ];

    /// <summary>More draws, lengths and images, hours in all.</summary>
    public static IReadOnlyList<ReportStudy> Full { get; } =
    [
        new("perplexity-4k", "Quality at a quarter of the work, 4,096 tokens", 2, new PerplexitySection(), ["perplexity"]),
        new("planted", "Planted heavy keys", 20, new PlantedSection(), ["study", "planted"]),
        new("bench", "Time against length", 8, new BenchSection(), ["bench"]),
        new("vision", "A vision transformer with a few keys a query", 10, new VisionSection(), ["study", "vision", "--images", "200"]) { ResumeOption = "--json" },
    ];
}
