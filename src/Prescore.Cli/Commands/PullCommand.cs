using System.CommandLine;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Models.Hub;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore pull</c>: fetches a model into the user's cache.</summary>
internal static class PullCommand
{
    private const string HelpNotes = """
        REPO is OWNER/NAME on the hub. FILE is one file of it, such as a GGUF (of a split one, any part). Without FILE: the
        safetensors of the repository with config.json and tokenizer, else its only GGUF file. Afterwards the name stands
        for the model wherever a command takes one. No other command ever uses the network.

        What has arrived is kept: the same command goes on after an interruption. Every file is checked against the hub's
        checksum. Files lie in PRESCORE_HOME, or else in prescore/ in the user's folder for caches.

        Environment: HF_ENDPOINT (another hub), HF_TOKEN (sent to the hub alone), HF_HUB_OFFLINE=1, HTTPS_PROXY, NO_PROXY.

        Examples:
          prescore pull HuggingFaceTB/SmolLM2-360M-Instruct
          prescore pull OWNER/NAME:model.Q4_K_M.gguf
          prescore perplexity --model OWNER/NAME:model.Q4_K_M.gguf
        """;

    public static Command Create(ToolContext context)
    {
        var name = new Argument<string>("REPO[:FILE]") { Description = "The model's name on the hub." };
        var offline = new Option<bool>("--offline") { Description = "Fetch nothing; only say where the model is, if it is in the cache." };
        var command = new ToolCommand("pull", "Fetch a model from the Hugging Face hub.", HelpNotes) { name, offline };
        command.SetAction(parsed =>
        {
            string text = parsed.GetValue(name)!;
            ModelName model = ModelName.TryParse(text) ?? throw new BadInputException($"'{text}' is no name of a model; write OWNER/NAME or OWNER/NAME:FILE");
            HubSettings settings = HubSettings.FromEnvironment();
            var hub = new ModelHub(settings with { Offline = settings.Offline || parsed.GetValue(offline) });
            using (var bar = new ProgressLine(context))
            {
                string path = hub.PullAsync(model, new Bar(bar), context.CancellationToken).GetAwaiter().GetResult();
                bar.Dispose();
                context.Out.WriteLine(path);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private sealed class Bar(ProgressLine line) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => line.Report(new StudyProgress(
            value.Total == 0 ? 1 : (double)value.Done / value.Total,
            $"{value.File}, {Numbers.Bytes(value.Done)} of {Numbers.Bytes(value.Total)}"));
    }
}
