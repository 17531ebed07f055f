using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Experiments;
using Prescore.Generation;
using Prescore.Models.Formats;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore generate</c>: continues a prompt.</summary>
internal static class GenerateCommand
{
    private const string HelpNotes = $$"""
        PROMPT is continued as it stands; use 'prescore chat' for conversations. A token that begins texts is put before it
        where the model wants one.

        {{GenerationOptionSet.Notes}}
        Examples:
          prescore generate "The capital of France is" --max-tokens 32
          prescore generate --prompt-file story.txt --temperature 0.8 --top-p 0.95 --seed 7
          prescore generate --prompt-file book.txt --method clustered:error=0.05 --stop "\n\n"
          cat prompt.txt | prescore generate --prompt-file - --json out.json
        """;

    public static Command Create(ToolContext context)
    {
        var prompt = new Argument<string?>("PROMPT") { Description = "The text to continue.", Arity = ArgumentArity.ZeroOrOne };
        PathOption promptFile = PathOptions.Text("--prompt-file", "File with the text to continue; - is the standard input.");
        var special = new Option<bool>("--special") { Description = "Recognise control tokens such as <|im_start|> in the prompt." };
        var run = new ModelRunOptions("exact");
        var generation = new GenerationOptionSet();
        Option<string?> json = RunOptions.Json("text, tokens and times");
        var command = new ToolCommand("generate", "Continue a text.", HelpNotes) { prompt, promptFile, special };
        run.All.Concat(generation.All).Append(json).ToList().ForEach(command.Add);
        command.SetAction(parsed =>
        {
            string text = (parsed.GetValue(prompt), parsed.GetValue(promptFile)) switch
            {
                (string given, null) => given,
                (null, string path) => ReadAll(context, path),
                _ => throw new BadInputException("give either PROMPT or --prompt-file"),
            };
            GenerationOptions options = generation.Read(parsed, run.Seed(parsed));
            using GenerationRun loaded = GenerationRun.Load(context, run.Read(parsed));
            int[] tokens = loaded.Tokenizer.Tokenizer.EncodePrompt(text, parsed.GetValue(special));
            if (tokens.Length == 0)
            {
                throw new BadInputException("the prompt is empty");
            }
            loaded.Continue(tokens, options);
            return loaded.Finish(parsed.GetValue(json));
        });
        return command;
    }

    private static string ReadAll(ToolContext context, string path)
    {
        using TextInput input = TextInputs.Open(context, path);
        return input.ReadToEnd();
    }
}
