using System.CommandLine;
using System.Globalization;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Models.Families;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision embed</c>: features of images.</summary>
internal static class VisionEmbedCommand
{
    private const string HelpNotes = """
        The features are the CLS token after the final norm and the mean of the patches'. --out writes cls and patch_mean
        [images, hidden] (F32). The table shows each image's cosine similarity to the first one.

        Example:
          prescore vision embed cat.jpg dog.jpg --model dinov2-small --size 518 --out features.safetensors
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string[]> images = VisionOptions.Images(ArgumentArity.OneOrMore);
        var options = new VisionOptions();
        Option<string?> output = PathOptions.Output("--out", "Write the features as .safetensors.");
        var command = new ToolCommand("embed", "Compute features of images.", HelpNotes) { images, output };
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }
        command.SetAction(parsed =>
        {
            string[] paths = parsed.GetValue(images)!;
            IAttention attention = options.Attention(parsed);
            using VisionModel model = options.LoadModel(parsed);
            ImagePreprocessing preprocessing = options.Preprocessing(parsed, model);
            RgbImage[] read = [.. paths.Select(ImageFile.Read)];
            int size = model.Configuration.HiddenSize;
            float[] cls = new float[paths.Length * size], means = new float[cls.Length];
            var tokens = new int[paths.Length];
            AttentionReport report = VisionBatch.Run(
                model,
                attention,
                options.Run(parsed),
                read.Length,
                i => preprocessing.Apply(read[i]),
                (i, features) =>
                {
                    features.Cls.CopyTo(cls.AsSpan(i * size));
                    features.PatchMean().CopyTo(means, i * size);
                    tokens[i] = features.Count;
                },
                context.CancellationToken);
            Print(context, paths, tokens, cls, means, size);
            context.Error.WriteLine($"{attention.Spec}: budget {Numbers.Short(report.Budget)}");
            if (parsed.GetValue(output) is string path)
            {
                var writer = new SafetensorsWriter();
                writer.Add("cls", cls, paths.Length, size);
                writer.Add("patch_mean", means, paths.Length, size);
                writer.Save(path);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, string[] paths, int[] tokens, float[] cls, float[] means, int size)
    {
        Table table = Tables.Create(context, "image", "tokens", "CLS norm", "CLS cosine", "patches' cosine");
        for (int i = 0; i < paths.Length; i++)
        {
            ReadOnlySpan<float> row = cls.AsSpan(i * size, size);
            table.AddPlainRow(
                Path.GetFileName(paths[i]),
                Numbers.Count(tokens[i]),
                Numbers.Short(TensorPrimitives.Norm(row)),
                Cosine(row, cls.AsSpan(0, size)),
                Cosine(means.AsSpan(i * size, size), means.AsSpan(0, size)));
        }
        Tables.Write(context, table);
    }

    private static string Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        TensorPrimitives.CosineSimilarity(a, b).ToString("0.0000", CultureInfo.InvariantCulture);
}
