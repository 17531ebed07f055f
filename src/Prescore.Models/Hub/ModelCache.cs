namespace Prescore.Models.Hub;

/// <summary>A model in the cache.</summary>
/// <param name="Name">What commands call it by.</param>
/// <param name="Path">The file or folder to open.</param>
/// <param name="Bytes">Bytes of all its files.</param>
public sealed record CachedModel(string Name, string Path, long Bytes);

/// <summary>The fetched models: <c>models/OWNER/NAME/FILE</c> under one folder, complete files alone under their own names.</summary>
public sealed class ModelCache(string folder)
{
    /// <summary>What the name of an unfinished file ends in.</summary>
    internal const string PartSuffix = ".part";

    private readonly string _models = System.IO.Path.Combine(folder, "models");

    /// <summary>Where a repository's files lie.</summary>
    public string FolderOf(string repository) => System.IO.Path.Combine([_models, .. repository.Split('/')]);

    /// <summary>Every GGUF model (a split one once) and every folder with safetensors, by name.</summary>
    public IReadOnlyList<CachedModel> List()
    {
        if (!Directory.Exists(_models))
        {
            return [];
        }
        return
        [
            .. Directory.EnumerateDirectories(_models).SelectMany(Directory.EnumerateDirectories).SelectMany(ModelsIn)
                .OrderBy(model => model.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>The path of a model, or null where it was not fetched. A repository's name alone stands for its only model.</summary>
    public string? Find(ModelName name)
    {
        string folder = FolderOf(name.Repository);
        if (!Directory.Exists(folder))
        {
            return null;
        }
        if (name.File is not null)
        {
            string path = System.IO.Path.Combine(folder, name.File);
            return File.Exists(path) ? path : null;
        }
        CachedModel[] models = [.. ModelsIn(folder)];
        return models.Length == 1 ? models[0].Path : models.FirstOrDefault(model => model.Name == name.Repository)?.Path;
    }

    private IEnumerable<CachedModel> ModelsIn(string repository)
    {
        string name = System.IO.Path.GetRelativePath(_models, repository).Replace('\\', '/');
        FileInfo[] files = [.. new DirectoryInfo(repository).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => !file.Name.EndsWith(PartSuffix))];
        if (files.Any(file => file.Extension == ".safetensors") && files.Any(file => file.Name == "config.json"))
        {
            yield return new CachedModel(name, repository, files.Where(file => file.Extension != ".gguf").Sum(file => file.Length));
        }
        foreach (IGrouping<string, FileInfo> model in files.Where(file => file.Extension == ".gguf").GroupBy(file => SplitName.Stem(file.FullName)))
        {
            FileInfo first = model.MinBy(file => file.Name, StringComparer.Ordinal)!;
            string relative = System.IO.Path.GetRelativePath(repository, first.FullName).Replace('\\', '/');
            yield return new CachedModel($"{name}:{relative}", first.FullName, model.Sum(file => file.Length));
        }
    }
}
