using Prescore.Models.Hub;

namespace Prescore.Cli.Options;

/// <summary>Names of models on the command line: a path, or the name of a fetched model.</summary>
internal static class ModelPaths
{
    /// <summary>The path that a name stands for. A file or folder that is there goes first; an unknown name stays as it is.</summary>
    public static string Resolve(string name)
    {
        if (File.Exists(name) || Directory.Exists(name) || ModelName.TryParse(name) is not { } model)
        {
            return name;
        }
        return new ModelCache(HubSettings.FromEnvironment().CacheFolder).Find(model) ?? name;
    }
}
