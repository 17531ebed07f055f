using Prescore.Models.Formats;
using Prescore.Models.Formats.Idx;

namespace Prescore.Models.Evaluation.Images;

/// <summary>
/// Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747): 60,000 training and 10,000 test images of clothes, 28×28,
/// 10 classes. Debian has it as the package dataset-fashion-mnist.
/// </summary>
public static class FashionMnist
{
    /// <summary>Environment variable that names the folder of the data set's four files.</summary>
    public const string FolderVariable = "PRESCORE_FASHION_MNIST";

    private const string DebianFolder = "/usr/share/datasets/fashion-mnist";

    /// <summary>Names of the classes.</summary>
    public static IReadOnlyList<string> Classes { get; } =
        ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Where the data set is looked for.</summary>
    public static string Folder => Environment.GetEnvironmentVariable(FolderVariable) ?? DebianFolder;

    /// <summary>Whether it is there.</summary>
    public static bool IsInstalled => File.Exists(Find(Folder, "t10k-images-idx3-ubyte"));

    /// <summary>The 60,000 training images.</summary>
    /// <exception cref="FileNotFoundException">The data set is not installed; the message names the package.</exception>
    /// <exception cref="ModelFormatException">A file is damaged.</exception>
    public static LabelledImages ReadTraining() => Read(Folder, "train");

    /// <summary>The 10,000 test images, or those that another folder has under their names.</summary>
    /// <param name="folder">Folder of the files; null: where the data set is installed.</param>
    /// <exception cref="FileNotFoundException">The data set is not there; the message names the package.</exception>
    /// <exception cref="ModelFormatException">A file is damaged.</exception>
    public static LabelledImages ReadTest(string? folder = null) => Read(folder ?? Folder, "t10k");

    private static LabelledImages Read(string folder, string part)
    {
        string imagesPath = Find(folder, part + "-images-idx3-ubyte"), labelsPath = Find(folder, part + "-labels-idx1-ubyte");
        if (!File.Exists(imagesPath) || !File.Exists(labelsPath))
        {
            throw new FileNotFoundException(
                $"Fashion-MNIST is not in {folder}: install the Debian package dataset-fashion-mnist, or set {FolderVariable} to the folder of its four files");
        }
        IdxFile images = IdxFile.Read(imagesPath), labels = IdxFile.Read(labelsPath);
        if (images.Dimensions.Length != 3 || labels.Dimensions.Length != 1 || images.Dimensions[0] != labels.Dimensions[0])
        {
            throw new ModelFormatException(imagesPath, "images and labels do not fit together", "get the data set anew");
        }
        return labels.Values.All(label => label < Classes.Count)
            ? new LabelledImages(images.Values, labels.Values, images.Dimensions[1], images.Dimensions[2])
            : throw new ModelFormatException(labelsPath, "a label is not one of ten classes", "get the data set anew");
    }

    private static string Find(string folder, string name)
    {
        string plain = Path.Combine(folder, name);
        return File.Exists(plain) ? plain : plain + ".gz";
    }
}
