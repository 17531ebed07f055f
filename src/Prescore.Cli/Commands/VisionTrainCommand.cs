using System.CommandLine;
using System.Globalization;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Models.Evaluation.Images;
using Prescore.TorchSharp;
using Prescore.TorchSharp.Training;
using Prescore.TorchSharp.Vision;
using TorchSharp;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision train</c>: a small vision transformer on Fashion-MNIST, with an attention method in training.</summary>
internal static class VisionTrainCommand
{
    private static readonly TrainingSettings Defaults = new() { Epochs = 16, SparseEpochs = 13 };

    private static readonly string HelpNotes = $"""
        Trains a vision transformer of 197 tokens (28×28 pixels in patches of 2×2, and CLS) on the 60,000 images of
        Fashion-MNIST (Debian package dataset-fashion-mnist) and tells its accuracy on the 10,000 test images. Beside the
        weights it writes config.json and preprocessor_config.json, as Hugging Face's ViTForImageClassification has them.
        FILE.training holds the state after the last epoch: the same command goes on from there, to the bit.

        The method stands in all layers; CLS is always kept and counts. Methods that can be trained with:
          exact, window:w=32, prescored:scorer=kmeans,s=32[,rest=coreset,reps=16], coreset:s=32

        Examples:
          prescore vision train --out vit/model.safetensors
          prescore vision train --out vit-32/model.safetensors --method prescored:scorer=kmeans,s=32 \
            --start vit/model.safetensors --epochs 2 --sparse-epochs 0 --rate 0.0005
        """;

    public static Command Create(ToolContext context)
    {
        var output = PathOptions.Output("--out", "The weights (.safetensors).");
        output.Required = true;
        var method = new Option<string>("--method") { Description = "Attention in training.", HelpName = "SPEC", DefaultValueFactory = _ => Defaults.Method };
        PathOption start = PathOptions.Input("--start", "Weights to begin with (.safetensors). Default: random ones.");
        Option<int?> epochs = NumberOptions.Whole("--epochs", $"Passes over the images. Default: {Defaults.Epochs}.", 1, maximum: 10_000);
        Option<int?> sparse = NumberOptions.Whole("--sparse-epochs", $"Of these, the first ones that see a quarter of the patches. Default: {Defaults.SparseEpochs}.", 0);
        Option<double?> rate = NumberOptions.Positive("--rate", $"Largest learning rate. Default: {Defaults.LearningRate.ToString(CultureInfo.InvariantCulture)}.", 1);
        Option<int?> images = NumberOptions.Whole("--images", "Use only the first N training images.", Defaults.BatchSize);
        Option<int?> seed = NumberOptions.Whole("--seed", "Seed of everything random. Default: 0.", 0);
        Option<int?> threads = RunOptions.Threads();
        var command = new ToolCommand("train", "Train a small vision transformer on Fashion-MNIST.", HelpNotes)
        {
            output, method, start, epochs, sparse, rate, images, seed, threads,
        };
        command.SetAction(parsed =>
        {
            int chosenEpochs = parsed.GetValue(epochs) ?? Defaults.Epochs;
            var settings = Defaults with
            {
                Method = parsed.GetValue(method)!,
                Epochs = chosenEpochs,
                SparseEpochs = Math.Min(chosenEpochs, parsed.GetValue(sparse) ?? Defaults.SparseEpochs),
                LearningRate = parsed.GetValue(rate) ?? Defaults.LearningRate,
                Seed = parsed.GetValue(seed) ?? 0,
            };
            Train(context, settings, parsed.GetValue(output)!, parsed.GetValue(start), parsed.GetValue(images), parsed.GetValue(threads));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Train(ToolContext context, TrainingSettings settings, string output, string? start, int? images, int? threads)
    {
        LabelledImages training = FashionMnist.ReadTraining(), test = FashionMnist.ReadTest();
        ThreadWaiting.Sleep();
        torch.set_num_threads(threads ?? Environment.ProcessorCount);
        torch.manual_seed(settings.Seed);
        using var model = new VisionTransformer(new VisionSettings(), settings.Method, (ulong)settings.Seed);
        if (start is not null)
        {
            model.Load(start);
        }
        using var progress = new ProgressLine(context);
        double accuracy = new Trainer(model, settings).Run(
            training.Take(images ?? training.Count), test, output + ".training", new EpochLines(context, progress), context.CancellationToken);
        model.Save(output, Metadata(settings, accuracy));
        model.SaveConfiguration(Path.GetDirectoryName(Path.GetFullPath(output))!, FashionMnist.Classes);
        File.Delete(output + ".training");
        context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"accuracy on the {test.Count:N0} test images: {accuracy:P2}"));
    }

    private static Dictionary<string, string> Metadata(TrainingSettings settings, double accuracy) => new()
    {
        ["format"] = "pt",
        ["method"] = settings.Method,
        ["seed"] = settings.Seed.ToString(CultureInfo.InvariantCulture),
        ["epochs"] = string.Create(CultureInfo.InvariantCulture, $"{settings.Epochs} ({settings.SparseEpochs} with a quarter of the patches)"),
        ["test_accuracy"] = accuracy.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>A line after every epoch, the bar between.</summary>
    private sealed class EpochLines(ToolContext context, ProgressLine bar) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.TestAccuracy is double accuracy)
            {
                context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"epoch {value.Epoch}: accuracy {accuracy:P2}"));
                return;
            }
            bar.Report(new StudyProgress(
                value.Fraction, string.Create(CultureInfo.InvariantCulture, $"epoch {value.Epoch + 1}, loss {value.Loss:F3}, {value.ImagesPerSecond:F0} images/s")));
        }
    }
}
