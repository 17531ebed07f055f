using System.CommandLine;

namespace Prescore.Benchmarks;

/// <summary>Options that several commands have.</summary>
internal static class CommonOptions
{
    public static Option<int> Threads()
    {
        var threads = new Option<int>("--threads") { Description = "Number of threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
        RequireAtLeastOne(threads);
        return threads;
    }

    public static void RequireAtLeastOne(Option<int> option) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() < 1)
        {
            result.AddError($"{option.Name} must be at least 1");
        }
    });
}
