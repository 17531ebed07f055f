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
        new("coverage", "Attention that a few keys hold", 0.5, new CoverageSection(), ["study", "coverage", "--context", "1024"]),
        new("needle", "Facts in long texts", 1, new TaskSection(), ["needle", "--lengths", "1k,2k", "--passages", "3"]) { ResumeOption = "--resume" },
        new("tasks", "Tasks in long texts", 2, new TaskSection(), ["study", "tasks", "--lengths", "1k", "--passages", "2"]) { ResumeOption = "--resume" },
        new("vision", "A vision transformer with a few keys a query", 1, new VisionSection(), ["study", "vision", "--images", "50", "--scorers", "random", "kmeans", "leverage", "--keys", "16", "64"]),
    ];

    /// <summary>More draws, lengths and images, hours in all.</summary>
    public static IReadOnlyList<ReportStudy> Full { get; } =
    [
        new("perplexity-4k", "Quality at a quarter of the work, 4,096 tokens", 2, new PerplexitySection(), ["perplexity"]),
        new("perplexity-8k", "Quality at a seventh of the work, 8,192 tokens", 4, new PerplexitySection(), ["perplexity", "--context", "8192", "--budget", "0.15", "--methods", "window", "hyper", "prescored:scorer=kmeans,inner=exact", "prescored:scorer=kmeans,inner=hyper", "clustered:error=0.05", "clustered:error=0.1", "clustered:error=0.15"]),
        new("bench", "Time against length", 5, new BenchSection(), ["bench", "--lengths", "1k,2k,4k,8k,16k"]),
        new("layer", "Speed-up at equal error", 30, new LayerSection(), ["study", "layer"]) { ResumeOption = "--resume" },
        new("budget", "Loss against budget", 60, new BudgetSection(), ["study", "budget"]) { ResumeOption = "--resume" },
        new("planted-inside", "Planted heavy keys inside the conditions", 2, new PlantedSection(), ["study", "planted", "--points", "inside both", "signal 1.2", "--scorers", "kmeans", "kmedian", "leverage", "ridge"]),
        new("planted", "Planted heavy keys", 10, new PlantedSection(), ["study", "planted", "--seeds", "40", "--phases"]),
        new("coverage", "Attention that a few keys hold", 2, new CoverageSection(), ["study", "coverage"]),
        new("needle", "Facts in long texts", 20, new TaskSection(), ["needle", "--lengths", "2k,4k,8k", "--depths", "16", "--passages", "11"]) { ResumeOption = "--resume" },
        new("tasks", "Tasks in long texts", 15, new TaskSection(), ["study", "tasks", "--lengths", "2k", "--passages", "8"]) { ResumeOption = "--resume" },
        new("vision", "A vision transformer with a few keys a query", 6, new VisionSection(), ["study", "vision", "--images", "200", "--scorers", "random", "kmeans", "leverage", "--keys", "16", "64"]) { ResumeOption = "--json" },
    ];
}
