using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Prescore.Models.Evaluation.Images;
using Prescore.Numerics;
using Prescore.TorchSharp;
using Prescore.TorchSharp.Training;
using Prescore.TorchSharp.Vision;
using Spectre.Console;
using TorchSharp;

namespace Prescore.Benchmarks.Training;

/// <summary>Training steps of the small vision transformer a second, whole (forward, backward, AdamW), for attention methods in turns.</summary>
internal static class TrainingCommand
{
    private const int PatchSize = 2;

    /// <summary>Tokens of one step, so that steps of all sizes take seconds: 100 images of 197.</summary>
    private const int TokensPerStep = 20_000;

    public static Command Create()
    {
        var sides = new Option<int[]>("--size")
        {
            Description = "Sides of the images in pixels; a patch has 2.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [28, 64],
        };
        var methods = new Option<string[]>("--methods")
        {
            Description = "Methods besides exact.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["prescored:scorer=kmeans,s=32", "prescored:scorer=leverage,s=32", "coreset:s=32"],
        };
        var steps = new Option<int>("--steps") { Description = "Steps of a timed run.", DefaultValueFactory = _ => 4 };
        var rounds = new Option<int>("--rounds") { Description = "Timed runs of each, in turns.", DefaultValueFactory = _ => 3 };
        CommonOptions.RequireAtLeastOne(steps);
        CommonOptions.RequireAtLeastOne(rounds);
        Option<int> threads = CommonOptions.Threads();
        var command = new Command("training", "Training with exact attention (libtorch's) and with others.") { sides, methods, steps, rounds, threads };
        command.SetAction(parsed =>
        {
            ThreadWaiting.Sleep();
            torch.set_num_threads(parsed.GetValue(threads));
            Table table = ReportTable.Create("tokens", "method", "images/s", "to exact");
            foreach (int side in parsed.GetValue(sides)!)
            {
                AddRows(table, side, ["exact", .. parsed.GetValue(methods)!], parsed.GetValue(steps), parsed.GetValue(rounds));
            }
            ReportTable.Write(table);
        });
        return command;
    }

    private static void AddRows(Table table, int side, string[] methods, int steps, int rounds)
    {
        var vision = new VisionSettings { ImageSize = side, PatchSize = PatchSize };
        var settings = new TrainingSettings { Epochs = 1, BatchSize = Math.Max(1, TokensPerStep / vision.Tokens) };
        LabelledImages images = Noise(side, steps * settings.BatchSize), one = images.Take(1);
        VisionTransformer[] models = [.. methods.Select(method => new VisionTransformer(vision, method, 0))];
        foreach (VisionTransformer model in models)
        {
            new Trainer(model, settings).Run(images.Take(settings.BatchSize), one, null);
        }
        List<double>[] seconds = [.. methods.Select(_ => new List<double>())];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < models.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                new Trainer(models[i], settings).Run(images, one, null);
                seconds[i].Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }
        double[] medians = [.. seconds.Select(times => times.Order().ElementAt(times.Count / 2))];
        for (int i = 0; i < methods.Length; i++)
        {
            table.AddRow(
                $"{vision.Tokens}",
                methods[i].EscapeMarkup(),
                (images.Count / medians[i]).ToString("F1", CultureInfo.InvariantCulture),
                (medians[0] / medians[i]).ToString("F2", CultureInfo.InvariantCulture));
            models[i].Dispose();
        }
    }

    private static LabelledImages Noise(int side, int count)
    {
        var pixels = new byte[count * side * side];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)CounterRandom.Hash(1, 0, 0, i, 0);
        }
        return new LabelledImages(pixels, [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))], side, side);
    }
}
