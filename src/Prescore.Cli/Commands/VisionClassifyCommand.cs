using System.CommandLine;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision classify</c>: the most likely classes of images.</summary>
internal static class VisionClassifyCommand
{
    private const int DefaultTop = 3;

    private const string HelpNotes = """
        Images are PNG or JPEG files, resized, cut and normalised as the model's preprocessor_config.json says.

        Example:
          prescore vision classify shirt.png boot.png --model vit --attention coreset:s=32,protect=1
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string[]> images = VisionOptions.Images();
        var options = new VisionOptions();
        Option<int?> top = NumberOptions.Whole("--top", $"Classes to show of each image. Default: {DefaultTop}.", 1, "K");
        var command = new ToolCommand("classify", "Classify images.", HelpNotes) { images, top };
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }
        command.SetAction(parsed =>
        {
            string[] paths = parsed.GetValue(images)!;
            IAttention attention = options.Attention(parsed);
            using VisionModel model = options.LoadModel(parsed);
            if (model.Classes == 0)
            {
                throw new BadInputException("this model has no classifier; use 'prescore vision embed'");
            }
            ImagePreprocessing preprocessing = options.Preprocessing(parsed, model);
            // All are read first: a bad file is told before any work is done.
            RgbImage[] read = [.. paths.Select(ImageFile.Read)];
            var probabilities = new float[read.Length][];
            AttentionReport report = VisionBatch.Run(
                model, attention, options.Run(parsed), read.Length, i => preprocessing.Apply(read[i]), (i, features) => probabilities[i] = Softmax(model.Classify(features)), context.CancellationToken);
            Print(context, model, paths, probabilities, parsed.GetValue(top) ?? DefaultTop);
            context.Error.WriteLine($"{attention.Spec}: budget {Numbers.Short(report.Budget)}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, VisionModel model, string[] paths, float[][] probabilities, int top)
    {
        Table table = Tables.Create(context, "image", "classes");
        for (int image = 0; image < paths.Length; image++)
        {
            float[] row = probabilities[image];
            IEnumerable<string> best = Enumerable.Range(0, row.Length).OrderByDescending(i => row[i]).Take(top).Select(i => $"{Label(model, i)} {Numbers.Short(row[i])}");
            table.AddPlainRow(Path.GetFileName(paths[image]), string.Join(", ", best));
        }
        Tables.Write(context, table);
    }

    private static string Label(VisionModel model, int index) =>
        index < model.Configuration.Labels.Count ? model.Configuration.Labels[index] : $"class {index}";

    private static float[] Softmax(float[] logits)
    {
        float largest = logits.Max();
        TensorPrimitives.Subtract(logits, largest, logits);
        TensorPrimitives.SoftMax(logits, logits);
        return logits;
    }
}
