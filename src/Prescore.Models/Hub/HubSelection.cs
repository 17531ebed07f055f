namespace Prescore.Models.Hub;

/// <summary>Which files of a repository make a model.</summary>
internal static class HubSelection
{
    private static readonly string[] Beside =
        ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "vocab.json", "merges.txt", "chat_template.jinja", "preprocessor_config.json"];

    /// <summary>
    /// The named file, with all parts of a split one; else the folder of config.json and safetensors; else the only GGUF.
    /// </summary>
    /// <exception cref="HubException">No such file, none that can be used, or several to choose from.</exception>
    public static HubFile[] Choose(ModelName name, HubFile[] files)
    {
        if (name.File is string wanted)
        {
            HubFile[] parts = [.. files.Where(file => SplitName.Stem(file.Name) == SplitName.Stem(wanted))];
            return parts.Any(part => part.Name == wanted) ? parts : throw new HubException(
                $"{name.Repository} has no file '{wanted}'; it has {Names(files.Where(IsModel))}");
        }
        HubFile[] weights = [.. files.Where(file => !file.Name.Contains('/') && file.Name.EndsWith(".safetensors"))];
        if (weights.Length > 0 && files.Any(file => file.Name == "config.json"))
        {
            return [.. weights, .. files.Where(file => Beside.Contains(file.Name) || file.Name == "model.safetensors.index.json")];
        }
        IGrouping<string, HubFile>[] models = [.. files.Where(file => file.Name.EndsWith(".gguf")).GroupBy(file => SplitName.Stem(file.Name))];
        return models.Length switch
        {
            0 => throw new HubException($"{name.Repository} has neither GGUF files nor config.json with safetensors"),
            1 => [.. models[0]],
            _ => throw new HubException($"{name.Repository} has several models; name one as {name.Repository}:FILE of {Names(models.Select(model => model.First()))}"),
        };
    }

    private static bool IsModel(HubFile file) => file.Name.EndsWith(".gguf") || file.Name.EndsWith(".safetensors");

    private static string Names(IEnumerable<HubFile> files)
    {
        string[] names = [.. files.Select(file => file.Name)];
        return names.Length == 0 ? "no model file" : string.Join(", ", names.Take(30)) + (names.Length > 30 ? " and others" : "");
    }
}
