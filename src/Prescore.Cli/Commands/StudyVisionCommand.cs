using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Experiments.Vision;
using Prescore.Models.Evaluation.Images;
using Prescore.Models.Families;
using Prescore.Scoring;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study vision</c>: what a vision transformer loses with a few keys a query.</summary>
internal static class StudyVisionCommand
{
    private const int DefaultImages = 200;
    private const int DefaultSeeds = 1;
    private const int DiagnosedImages = 4;

    private static readonly string[] DefaultScorers =
        ["random", "seeds", "medoids", "balanced", "farthest", "kmeans", "kmeans-near", "leverage", "norm", "keydiff"];

    private const string HelpNotes = """
        All layers of the model run with each form of attention at each number of keys a query (CLS among them): every
        scorer's best keys alone, with CLS kept, and with CLS kept and the others as weighted representatives; weighted
        representatives alone; Clustered at the same number of interactions. Accuracy is compared with exact attention's on
        the same images; errors are standard errors of the paired difference.

        The images are the first test images of Fashion-MNIST, each pixel repeated --enlarge times. The tool brings 500 of
        them; for more, install the Debian package dataset-fashion-mnist. With --json a study that was stopped goes on where it stood: cells in the file are not run again.

        Example:
          prescore study vision --model dinov2-small --probe fashion-probe.safetensors --enlarge 8 --keys 64 --json vision.json
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = PathOptions.Model("--model", "Model folder. Default: the embedded small ViT.");
        Option<string?> probe = PathOptions.Input("--probe", "Linear probe (.safetensors: W, b, mean, std). Default: the model's classifier.");
        Option<int?> enlarge = NumberOptions.Whole("--enlarge", "How often each pixel is repeated. Default: 1.", 1, "F", 64);
        Option<int?> images = NumberOptions.Whole("--images", $"Number of test images. Default: {DefaultImages}.", 1, "N", 10_000);
        Option<int?> seeds = NumberOptions.Whole("--seeds", $"Number of seeds. Default: {DefaultSeeds}.", 1, "N", 100);
        var keys = new Option<int[]>("--keys") { Description = "Keys a query. Default: 16 32 64 128.", HelpName = "S", AllowMultipleArgumentsPerToken = true };
        var scorers = new Option<string[]>("--scorers") { Description = $"Scorers. Default: {string.Join(' ', DefaultScorers)}.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        var forms = new Option<string[]>("--forms") { Description = "Only forms whose name is one of these.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        Option<int?> threads = RunOptions.Threads();
        Option<string?> json = RunOptions.Json("all cells, and read those that are there");
        Option<string?> plot = RunOptions.Plot("accuracy against keys");
        var command = new ToolCommand("vision", "Accuracy of a vision transformer at a few keys a query.", HelpNotes)
        {
            model, probe, enlarge, images, seeds, keys, scorers, forms, threads, json, plot,
        };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(model) ?? EmbeddedFiles.VisionModel;
            string? probePath = parsed.GetValue(probe), path = parsed.GetValue(json);
            string[] names = parsed.GetValue(scorers) is { Length: > 0 } given ? given : DefaultScorers;
            int[] counts = parsed.GetValue(keys) is { Length: > 0 } wanted ? wanted : [16, 32, 64, 128];
            Array.ForEach(names, name => KeyScorers.CreateForKeys(name));
            VisionForm[] chosen = Chosen(VisionForm.Standard(names), parsed.GetValue(forms) ?? []);
            var options = RunOptions.Attention(parsed.GetValue(threads), null);
            using VisionModel loaded = VisionModel.Load(folder, new ModelOptions { Threads = options.Threads });
            var task = new VisionTask(
                loaded,
                probePath is null ? null : LinearProbe.Read(probePath),
                TestImages(parsed.GetValue(images) ?? DefaultImages),
                parsed.GetValue(enlarge) ?? 1);
            if (counts.FirstOrDefault(count => count < 4 || count > task.Tokens) is int wrong and not 0)
            {
                throw new BadInputException($"--keys {wrong} is not from 4 to the {task.Tokens} tokens of an image");
            }
            var report = new VisionReport
            {
                Model = FileIdentity.Of(Path.Combine(folder, "model.safetensors")),
                Probe = probePath is null ? null : FileIdentity.Of(probePath),
                Images = task.Count,
                Tokens = task.Tokens,
                ExactAccuracy = double.NaN,
            };
            report = Run(context, loaded, task, report, Cells(chosen, counts, parsed.GetValue(seeds) ?? DefaultSeeds), path, options);
            report = report with
            {
                Diagnosis = KeyDiagnosis.Of(loaded, task, DiagnosedImages, names, counts.Contains(64) ? 64 : counts[0], options, context.CancellationToken),
            };
            OutputFiles.WriteJson(path, report);
            Print(context, report);
            OutputFiles.WriteBytes(parsed.GetValue(plot), () => VisionPlot.Render(report));
            return ExitCodes.Done;
        });
        return command;
    }

    private static LabelledImages TestImages(int count)
    {
        LabelledImages sample = EmbeddedFiles.SampleImages;
        return (count <= sample.Count ? sample : FashionMnist.ReadTest()).Take(count);
    }

    private static VisionForm[] Chosen(IEnumerable<VisionForm> all, string[] names)
    {
        VisionForm[] forms = [.. all];
        foreach (string name in names.Where(name => forms.All(form => form.Name != name)))
        {
            throw new BadInputException(Specs.UnknownName.Describe("form", name, [.. forms.Select(form => form.Name)]));
        }
        return names.Length == 0 ? forms : [.. forms.Where(form => names.Contains(form.Name))];
    }

    private static IEnumerable<(VisionForm Form, int Keys, ulong Seed)> Cells(VisionForm[] forms, int[] counts, int seeds) =>
        from seed in Enumerable.Range(0, seeds) from count in counts from form in forms select (form, count, (ulong)seed);

    private static VisionReport Run(
        ToolContext context, VisionModel model, VisionTask task, VisionReport report, IEnumerable<(VisionForm Form, int Keys, ulong Seed)> cells, string? path, AttentionOptions options)
    {
        VisionReport? known = path is not null && File.Exists(path) && ReportJson.TryDeserialize(File.ReadAllText(path), out VisionReport? found) ? found : null;
        if (known is not null && (known.Model != report.Model || known.Probe != report.Probe || known.Images != report.Images || known.Tokens != report.Tokens))
        {
            throw new BadInputException($"--json: '{Path.GetFileName(path)}' holds a study of another model, probe or number of images; name another file");
        }
        (VisionForm Form, int Keys, ulong Seed)[] all = [.. cells];
        var rows = new List<VisionRow>(known?.Rows ?? []);
        (VisionForm Form, int Keys, ulong Seed)[] missing =
            [.. all.Where(cell => !rows.Any(row => row.Form == cell.Form.Name && row.Keys == cell.Keys && row.Seed == cell.Seed))];
        if (known is not null && missing.Length == 0)
        {
            return known;
        }
        using var bar = new ProgressLine(context);
        var study = new VisionStudy(model, task, options.Threads);
        double share = 1.0 / (missing.Length + 1);
        VisionReference exact = study.Exact(new PartialProgress(bar, 0, share), context.CancellationToken);
        report = report with { ExactAccuracy = exact.Predictions.Where((prediction, i) => prediction == task.Label(i)).Count() / (double)task.Count };
        for (int i = 0; i < missing.Length; i++)
        {
            (VisionForm form, int keys, ulong seed) = missing[i];
            rows.Add(study.Cell(form, keys, seed, exact, new PartialProgress(bar, (i + 1) * share, share), context.CancellationToken));
            OutputFiles.WriteJson(path, report with { Rows = rows });
        }
        return report with { Rows = rows };
    }

    private static void Print(ToolContext context, VisionReport report)
    {
        context.Out.WriteLine($"exact: {Numbers.Percent(report.ExactAccuracy)} of {report.Images} images, {report.Tokens} tokens");
        Table table = Tables.Create(context, "form", "keys", "budget", "accuracy", "to exact, points", "seeds' spread", "agreement", "feature error");
        foreach (IGrouping<(string Form, int Keys), VisionRow> cell in report.Rows.GroupBy(row => (row.Form, row.Keys)))
        {
            double mean = cell.Average(row => row.Accuracy);
            double spread = Math.Sqrt(cell.Sum(row => (row.Accuracy - mean) * (row.Accuracy - mean)) / Math.Max(1, cell.Count() - 1));
            table.AddPlainRow(
                cell.Key.Form,
                Numbers.Count(cell.Key.Keys),
                Numbers.Fixed(cell.Average(row => row.Budget), 3),
                Numbers.Percent(mean),
                $"{Numbers.Signed(100 * cell.Average(row => row.Difference), 1)} ± {Numbers.Fixed(100 * cell.Average(row => row.DifferenceError), 1)}",
                cell.Count() == 1 ? "" : Numbers.Fixed(100 * spread, 1),
                Numbers.Percent(cell.Average(row => row.Agreement)),
                Numbers.Fixed(cell.Average(row => row.FeatureError), 3));
        }
        Tables.Write(context, table);
        Table diagnosis = Tables.Create(context, "scorer", "keys", "CLS kept", "CLS's mass kept", "patches' mass kept", "of it not on CLS", "output error", "with CLS kept");
        foreach (KeyDiagnosisRow row in report.Diagnosis)
        {
            diagnosis.AddPlainRow(
                row.Scorer,
                Numbers.Count(row.Keys),
                Numbers.Percent(row.ClsKept),
                Numbers.Percent(row.ClsMass),
                Numbers.Percent(row.PatchMass),
                Numbers.Percent(row.PatchMassOnPatches),
                Numbers.Fixed(row.OutputError, 3),
                Numbers.Fixed(row.OutputErrorWithCls, 3));
        }
        Tables.Write(context, diagnosis);
    }
}
