using System.CommandLine;
using Prescore.Benchmarks.LibTorch;
using Prescore.Benchmarks.Scoring;

var root = new RootCommand("Benchmarks of Prescore; see docs/benchmarks.md.")
{
    LibTorchCommand.Create(),
    ScoringCommand.Create(),
};
return root.Parse(args).Invoke();
