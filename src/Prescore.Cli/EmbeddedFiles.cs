using Prescore.Experiments;

namespace Prescore.Cli;

/// <summary>The model and text that come with the tool, beside its program file.</summary>
internal static class EmbeddedFiles
{
    public static string Model => Find("models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    public static string Text => Find("texts", "war-and-peace-part.txt");

    private static string Find(string folder, string file)
    {
        string path = Path.Combine(AppContext.BaseDirectory, folder, file);
        return File.Exists(path)
            ? path
            : throw new BadInputException($"the tool's own {folder}/{file} is missing; build or install it again, or name a file");
    }
}
