using Prescore.Experiments;
using Prescore.Models.Evaluation.Images;

namespace Prescore.Cli;

/// <summary>The models and texts that come with the tool, beside its program file.</summary>
internal static class EmbeddedFiles
{
    private const string ModelFile = "SmolLM2-135M-Instruct.Q4_1.gguf";
    private const string TextFile = "war-and-peace-part.txt";
    private const string SecondTextFile = "shakespeare.txt";
    private const string VisionFolder = "vit-fashion-mnist";

    public static string Model => Find("models", ModelFile);

    public static string Text => Find("texts", TextFile);

    /// <summary>The text and a second one of another kind, for studies over texts.</summary>
    public static IReadOnlyList<string> Texts => [Text, Find("texts", SecondTextFile)];

    /// <summary>Those that are installed.</summary>
    public static IEnumerable<string> Present => new[] { PathOf("models", ModelFile), PathOf("texts", TextFile) }.Where(File.Exists);

    /// <summary>Folder of the small vision transformer.</summary>
    /// <exception cref="BadInputException">The tool came without one.</exception>
    public static string VisionModel
    {
        get
        {
            string folder = PathOf("models", VisionFolder);
            return Directory.Exists(folder) ? folder : throw new BadInputException($"the tool's own models/{VisionFolder} is missing; build or install it again, or name a model's folder with --model");
        }
    }

    /// <summary>The first 500 test images of Fashion-MNIST, in the order of the data set.</summary>
    public static LabelledImages SampleImages => FashionMnist.ReadTest(Path.Combine(VisionModel, "sample"));

    private static string Find(string folder, string file)
    {
        string path = PathOf(folder, file);
        return File.Exists(path)
            ? path
            : throw new BadInputException($"the tool's own {folder}/{file} is missing; build or install it again, or name a file");
    }

    private static string PathOf(string folder, string file) => Path.Combine(AppContext.BaseDirectory, folder, file);
}
