using Prescore.Experiments.Budget;
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
        new("planted", "Planted heavy keys", 1, new PlantedSection(), ["study", "planted", "--seeds", "10", "--keys", "4000"]) { ResumeOption = "--resume" },
        new("bench", "Time against length", 1, new BenchSection(), ["bench", "--lengths", "1k,2k,4k,8k"]),
        new("coverage", "Attention that a few keys hold", 0.5, new CoverageSection(), ["study", "coverage", "--context", "1024"]) { ResumeOption = "--resume" },
        new("needle", "Facts in long texts", 1, new TaskSection(), ["needle", "--lengths", "1k,2k", "--passages", "3"]) { ResumeOption = "--resume" },
        new("tasks", "Tasks in long texts", 2, new TaskSection(), ["study", "tasks", "--lengths", "1k", "--passages", "2"]) { ResumeOption = "--resume" },
        new("vision", "A vision transformer with a few keys a query", 1, new VisionSection(), ["study", "vision", "--images", "50", "--scorers", "random", "kmeans", "leverage", "--keys", "16", "64"]),
    ];

    /// <summary>More draws, lengths and images, hours in all.</summary>
    public static IReadOnlyList<ReportStudy> Full { get; } =
    [
        new("perplexity-4k", "Quality at a quarter of the work, 4,096 tokens", 2, new PerplexitySection(), ["perplexity"]),
        new("perplexity-8k", "Quality at a seventh of the work, 8,192 tokens", 4, new PerplexitySection(), ["perplexity", "--context", "8192", "--budget", "0.15", "--methods", "window", "hyper", "prescored:scorer=kmeans,inner=exact", "prescored:scorer=kmeans,inner=hyper", "prescored:scorer=leverage,inner=hyper", "prescored:scorer=random,inner=hyper", "clustered:error=0.05", "clustered:error=0.1", "clustered:error=0.15"]),
        new("bench", "Time against length", 5, new BenchSection(), ["bench", "--lengths", "1k,2k,4k,8k,16k"]),
        new("layer", "Speed-up at equal error", 25, new LayerSection(), ["study", "layer", "--max-length", "32k"]) { ResumeOption = "--resume" },
        new("layer-20", "Speed-up at equal error, a late layer", 25, new LayerSection(), ["study", "layer", "--max-length", "32k", "--layer", "20"]) { ResumeOption = "--resume" },
        new("budget", "Loss against budget, two texts and seeds", 6, new BudgetSection(), ["study", "budget", "--seeds", "2"]) { ResumeOption = "--resume" },
        new("budget-4k", "Loss against budget, 4,096 tokens", 25, new BudgetSection(), ["study", "budget", "--lengths", "4k", "--budgets", "0.1", "0.25", "--seeds", "2"]) { ResumeOption = "--resume" },
        new("budget-8k", "Loss against budget, 8,192 tokens", 45, new BudgetSection(), ["study", "budget", "--lengths", "8k", "--budgets", "0.15", "--seeds", "2"]) { ResumeOption = "--resume" },
        new("budget-32k", "Loss against budget, 16,384 and 32,768 tokens", 90, new BudgetSection(), ["study", "budget", "--lengths", "16k,32k", "--budgets", "0.1", "--methods", "window", .. BudgetMethods.Paper, "quoka", "clustered"]) { ResumeOption = "--resume" },
        new("budget-128k", "The paper's comparison at its own length", 180, new BudgetSection(), ["study", "budget", "--lengths", "128k", "--budgets", "0.05", "--methods", "window", .. BudgetMethods.Paper, "clustered"]) { ResumeOption = "--resume" },
        new("agreement", "How long a continuation stays the same", 20, new AgreementSection(), ["study", "agreement"]) { ResumeOption = "--resume" },
        new("planted-inside", "Planted heavy keys inside the conditions", 2, new PlantedSection(), ["study", "planted", "--points", "inside both", "signal 1.2", "--scorers", "kmeans", "kmedian", "leverage", "ridge"]) { ResumeOption = "--resume" },
        new("planted", "Planted heavy keys", 10, new PlantedSection(), ["study", "planted", "--seeds", "40", "--phases"]) { ResumeOption = "--resume" },
        new("coverage", "Attention that a few keys hold", 2, new CoverageSection(), ["study", "coverage"]) { ResumeOption = "--resume" },
        new("needle", "Facts in texts in which exact attention finds them", 4, new TaskSection(), ["needle", "--lengths", "1k,2k", "--depths", "16", "--passages", "17", "--methods", "clustered:error=0.05"]) { ResumeOption = "--resume" },
        new("needle-8k", "Facts in long texts", 20, new TaskSection(), ["needle", "--lengths", "2k,4k,8k", "--depths", "16", "--passages", "11"]) { ResumeOption = "--resume" },
        new("tasks", "Tasks in long texts", 15, new TaskSection(), ["study", "tasks", "--lengths", "2k", "--passages", "8"]) { ResumeOption = "--resume" },
        new("vision", "A vision transformer with a few keys a query", 6, new VisionSection(), ["study", "vision", "--images", "200", "--scorers", "random", "kmeans", "leverage", "--keys", "16", "64"]) { ResumeOption = "--json" },
    ];
}
