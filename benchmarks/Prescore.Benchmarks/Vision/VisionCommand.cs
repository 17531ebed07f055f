using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Benchmarks.LibTorch;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Models.Inference;
using Spectre.Console;
using TorchSharp;

namespace Prescore.Benchmarks.Vision;

/// <summary>A whole DINOv2 on one image: each attention method against the same model in libtorch.</summary>
internal static class VisionCommand
{
    /// <summary>Relative difference of exact attention's tokens from libtorch's beyond which nothing is reported.</summary>
    private const double DifferenceBound = 1e-4;

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "Model folder.", Required = true };
        var image = new Option<string>("--image") { Description = "PNG or JPEG file; resized to each size.", Required = true };
        var sizes = new Option<int[]>("--size") { Description = "Sides in pixels.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [518, 1036] };
        var methods = new Option<string[]>("--methods")
        {
            Description = "Methods besides exact.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => ["coreset:s=256,protect=1", "clustered:error=0.1"],
        };
        var rounds = new Option<int>("--rounds") { Description = "Timed runs of each, in turns.", DefaultValueFactory = _ => 3 };
        CommonOptions.RequireAtLeastOne(rounds);
        Option<int> threads = CommonOptions.Threads();
        var command = new Command("vision", "DINOv2 whole, exact and sparse, against libtorch.") { model, image, sizes, methods, rounds, threads };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!, parsed.GetValue(image)!, parsed.GetValue(sizes)!, parsed.GetValue(methods)!, parsed.GetValue(rounds), parsed.GetValue(threads)));
        return command;
    }

    private static int Run(string folder, string imagePath, int[] sizes, string[] methods, int rounds, int threads)
    {
        if (LibTorchRuntime.UnfairSetting() is string unfair)
        {
            Console.Error.WriteLine($"{unfair} is set: OpenMP would then take cores from Prescore's threads; unset it");
            return 2;
        }
        torch.set_num_threads(threads);
        using IDisposable noGradients = torch.no_grad();
        Console.WriteLine($"{threads} threads; Prescore {SimdPaths.Best}; libtorch {torch.__version__}: {LibTorchRuntime.Describe()}");
        using VisionModel model = VisionModel.Load(folder, new ModelOptions { Threads = threads });
        using var theirs = new LibTorchDinov2(folder, model.Configuration.Layers, model.Configuration.Heads, model.Configuration.PatchSize);
        RgbImage image = ImageFile.Read(imagePath);
        Table table = ReportTable.Create("pixels", "tokens", "method", "ms", "to exact", "to libtorch", "budget", "CLS error", "all tokens' error");
        bool refused = false;
        foreach (int size in sizes)
        {
            PixelValues pixels = model.Preprocessing.ForSize(size).Apply(image);
            refused |= !AddRows(table, model, theirs, pixels, ["exact", .. methods], rounds, threads);
        }
        ReportTable.Write(table);
        return refused ? 1 : 0;
    }

    private static bool AddRows(Table table, VisionModel model, LibTorchDinov2 theirs, PixelValues pixels, string[] methods, int rounds, int threads)
    {
        using torch.Tensor input = LibTorchDinov2.ToTensor(pixels);
        bool fused = Seconds(() => theirs.Forward(input, fused: true).Dispose(), 2) <= Seconds(() => theirs.Forward(input, fused: false).Dispose(), 2);
        float[] reference;
        using (torch.Tensor tokens = theirs.Forward(input, fused))
        {
            reference = tokens.contiguous().data<float>().ToArray();
        }
        VisionSession[] sessions = [.. methods.Select(method => new VisionSession(model, AttentionMethods.Create(method), new AttentionOptions { Threads = threads }))];
        VisionFeatures[] features = [.. sessions.Select(session => session.Run(pixels))];
        double difference = RelativeError(features[0].Tokens, reference);
        if (!(difference <= DifferenceBound))
        {
            Console.Error.WriteLine($"{pixels.Height} pixels: exact differs from libtorch by {difference:0.0e-0} (bound {DifferenceBound:0e-0}), not reported");
            return false;
        }
        List<double>[] times = [.. Enumerable.Range(0, methods.Length + 1).Select(_ => new List<double>())];
        for (int round = 0; round < rounds; round++)
        {
            times[^1].Add(Seconds(() => theirs.Forward(input, fused).Dispose(), 1));
            for (int i = 0; i < methods.Length; i++)
            {
                times[i].Add(Seconds(() => sessions[i].Run(pixels), 1));
            }
        }
        double[] medians = [.. times.Select(list => list.Order().ElementAt(list.Count / 2))];
        int hidden = model.Configuration.HiddenSize;
        for (int i = 0; i < methods.Length; i++)
        {
            table.AddRow(
                $"{pixels.Height}",
                $"{features[i].Count}",
                methods[i].EscapeMarkup(),
                ReportTable.Milliseconds(medians[i]),
                Factor(medians[0] / medians[i]),
                Factor(medians[^1] / medians[i]),
                sessions[i].Report.Budget.ToString("F3", CultureInfo.InvariantCulture),
                RelativeError(features[i].Cls, reference.AsSpan(0, hidden)).ToString("0.0e-0", CultureInfo.InvariantCulture),
                RelativeError(features[i].Tokens, reference).ToString("0.0e-0", CultureInfo.InvariantCulture));
        }
        table.AddRow($"{pixels.Height}", $"{features[0].Count}", fused ? "libtorch, one product for q, k, v" : "libtorch, three products for q, k, v", ReportTable.Milliseconds(medians[^1]), "", "1", "", "", "");
        return true;
    }

    private static string Factor(double factor) => factor.ToString("F2", CultureInfo.InvariantCulture);

    /// <summary>Shortest time of a few runs; a pause before each lets the other side's threads come to rest.</summary>
    private static double Seconds(Action action, int runs)
    {
        double best = double.PositiveInfinity;
        for (int run = 0; run < runs; run++)
        {
            Thread.Sleep(30);
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private static double RelativeError(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double error = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error += Math.Pow((double)actual[i] - expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(error / norm);
    }
}
