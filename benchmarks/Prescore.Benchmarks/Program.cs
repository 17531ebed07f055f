using System.CommandLine;
using Prescore.Benchmarks.LibTorch;
using Prescore.Benchmarks.LlamaCpp;
using Prescore.Benchmarks.Models;
using Prescore.Benchmarks.Scoring;
using Prescore.Benchmarks.Training;
using Prescore.Benchmarks.Vision;
using Prescore.Benchmarks.Weights;

var root = new RootCommand("Benchmarks of Prescore; see docs/benchmarks.md.")
{
    LibTorchCommand.Create(),
    LlamaCppCommand.Create(),
    MemoryCommand.Create(),
    RandomLlamaCommand.Create(),
    ScoringCommand.Create(),
    TrainingCommand.Create(),
    VisionCommand.Create(),
    WeightsCommand.Create(),
};
return root.Parse(args).Invoke();
