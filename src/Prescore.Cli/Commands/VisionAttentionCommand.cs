using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Vision;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Scoring;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision attention</c>: a picture of what CLS attends to and which patches a scorer keeps.</summary>
internal static class VisionAttentionCommand
{
    private const int DefaultKeys = 64;

    private const string HelpNotes = """
        Draws three panels: the model's input, how much attention CLS gives each patch (mean over the heads), and in how many
        heads the scorer keeps each patch among its best keys.

        Example:
          prescore vision attention cat.jpg --model dinov2-small --layer 11 --scorer kmeans --keys 64 --out overlay.png
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string> image = PathOptions.ImageArgument("IMAGE", "A PNG or JPEG file.");
        var options = new VisionOptions();
        var scorer = new Option<string>("--scorer") { Description = "The scorer.", HelpName = "NAME", DefaultValueFactory = _ => "kmeans" };
        Option<int?> keys = NumberOptions.Whole("--keys", $"Keys that the scorer keeps, CLS among those ranked. Default: {DefaultKeys}.", 1, "S");
        Option<int?> layer = NumberOptions.Whole("--layer", "Layer, from 0. Default: the last.", 0, "L");
        Option<string?> output = PathOptions.Output("--out", "The picture, a PNG file.");
        output.Required = true;
        var command = new ToolCommand("attention", "Draw where CLS attends and which patches a scorer keeps.", HelpNotes) { image, scorer, keys, layer, output };
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }
        command.SetAction(parsed =>
        {
            IKeyScorer keyScorer = KeyScorers.CreateForKeys(parsed.GetValue(scorer)!);
            using VisionModel model = options.LoadModel(parsed);
            int chosen = parsed.GetValue(layer) ?? model.Blocks.Count - 1;
            if (chosen >= model.Blocks.Count)
            {
                throw new BadInputException($"--layer {chosen} is beyond the model's {model.Blocks.Count} layers");
            }
            RgbImage fitted = options.Preprocessing(parsed, model).Fit(ImageFile.Read(parsed.GetValue(image)!));
            PatchAttention seen = PatchAttention.Of(
                model, options.Attention(parsed), options.Run(parsed), fitted, chosen, keyScorer, parsed.GetValue(keys) ?? DefaultKeys, context.CancellationToken);
            OutputFiles.WriteBytes(parsed.GetValue(output), () => AttentionOverlay.Render(fitted, seen));
            context.Out.WriteLine(
                $"layer {chosen}: CLS gives itself {Numbers.Short(seen.ClsToCls)} of its attention; {keyScorer.Name} keeps CLS in {seen.ClsKept} of {seen.Heads} heads"
                + $" and {Numbers.Short(seen.KeptMass)} of CLS's attention");
            return ExitCodes.Done;
        });
        return command;
    }
}
