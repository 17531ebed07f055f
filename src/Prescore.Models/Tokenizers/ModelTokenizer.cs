using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Tokenizers;

/// <summary>A model's tokenizer and chat template, from whichever files the model has.</summary>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="ChatTemplate">The chat template, in Jinja; null: the model has none.</param>
public sealed record ModelTokenizer(ITokenizer Tokenizer, string? ChatTemplate)
{
    /// <summary>
    /// Reads the tokenizer of a model: from the metadata of a .gguf file, or from tokenizer.json or tokenizer.model in a
    /// Hugging Face folder (or beside the .safetensors file that is named).
    /// </summary>
    /// <param name="modelPath">A .gguf file, a folder, or a file in one.</param>
    /// <exception cref="ModelFormatException">There is no tokenizer, a damaged one, or one of an unknown kind.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static ModelTokenizer Load(string modelPath)
    {
        bool isFolder = Directory.Exists(modelPath);
        string folder = isFolder ? modelPath : Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
        bool inFolder = isFolder || Path.GetExtension(modelPath).ToLowerInvariant() is ".safetensors" or ".json";
        return inFolder ? FromFolder(modelPath, folder) : FromGguf(modelPath);
    }

    private static ModelTokenizer FromGguf(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return new ModelTokenizer(GgufTokenizer.FromGguf(file), file.Metadata.GetString("tokenizer.chat_template", null));
    }

    private static ModelTokenizer FromFolder(string modelPath, string folder)
    {
        TokenizerSettings settings = TokenizerSettings.Read(folder);
        string json = Path.Combine(folder, "tokenizer.json"), model = Path.Combine(folder, "tokenizer.model");
        ITokenizer tokenizer = File.Exists(json) ? TokenizerJson.Read(json, settings)
            : File.Exists(model) ? SentencePieceModel.Read(model, settings)
            : throw new ModelFormatException(modelPath, "there is no tokenizer.json and no tokenizer.model beside it", "put the model's tokenizer into its folder");
        return new ModelTokenizer(tokenizer, settings.ChatTemplate);
    }
}
