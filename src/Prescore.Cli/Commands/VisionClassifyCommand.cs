using System.CommandLine;
using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Models.Evaluation.Images;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision classify</c>: the most likely classes of images.</summary>
internal static class VisionClassifyCommand
{
    private const int DefaultTop = 3;
    private const int SampleCount = 10;

    private const string HelpNotes = """
        Images are PNG or JPEG files, resized, cut and normalised as the model's preprocessor_config.json says. Without any,
        the first ten test images of Fashion-MNIST, with their true classes.

        Examples:
          prescore vision classify
          prescore vision classify shirt.png boot.png --model vit --attention coreset:s=32,protect=1
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string[]> images = VisionOptions.Images(ArgumentArity.ZeroOrMore);
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
            (string Name, RgbImage Image)[] read = paths.Length > 0 ? [.. paths.Select(path => (Path.GetFileName(path), ImageFile.Read(path)))] : [.. Sample()];
            var probabilities = new float[read.Length][];
            AttentionReport report = VisionBatch.Run(
                model, attention, options.Run(parsed), read.Length, i => preprocessing.Apply(read[i].Image), (i, features) => probabilities[i] = Softmax(model.Classify(features)), context.CancellationToken);
            Print(context, model, [.. read.Select(image => image.Name)], probabilities, parsed.GetValue(top) ?? DefaultTop);
            context.Error.WriteLine($"{attention.Spec}: budget {Numbers.Short(report.Budget)}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static IEnumerable<(string Name, RgbImage Image)> Sample()
    {
        LabelledImages images = EmbeddedFiles.SampleImages.Take(SampleCount);
        return Enumerable.Range(0, images.Count).Select(i =>
            ($"test image {i}: {FashionMnist.Classes[images.Labels[i]]}", RgbImage.FromGrey(images.Width, images.Height, images[i])));
    }

    private static void Print(ToolContext context, VisionModel model, string[] names, float[][] probabilities, int top)
    {
        Table table = Tables.Create(context, "image", "classes");
        for (int image = 0; image < names.Length; image++)
        {
            float[] row = probabilities[image];
            IEnumerable<string> best = Enumerable.Range(0, row.Length).OrderByDescending(i => row[i]).Take(top).Select(i => $"{Label(model, i)} {Numbers.Short(row[i])}");
            table.AddPlainRow(names[image], string.Join(", ", best));
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
