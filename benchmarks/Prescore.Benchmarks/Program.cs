using System.CommandLine;
using Prescore.Benchmarks.LibTorch;

var root = new RootCommand("Benchmarks of Prescore; every reported row was checked for equal outputs in the same run.")
{
    LibTorchCommand.Create(),
};
return root.Parse(args).Invoke();
