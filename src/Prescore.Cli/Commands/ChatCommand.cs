using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Generation;
using Prescore.Generation.Chat;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore chat</c>: a conversation.</summary>
internal static class ChatCommand
{
    private const string HelpNotes = $$"""
        One line of the standard input is one question; an empty line or its end ends the conversation. What was said
        stays in the cache: a question is read in the time that it alone takes. The conversation is written with the model's
        own chat template; one that holds something unknown is refused.

        {{GenerationOptionSet.Notes}}
        Examples:
          prescore chat
          prescore chat --system "You answer in one word." --temperature 0.2 --top-p 0.9
          printf 'What is the capital of Japan?\nAnd of Peru?\n' | prescore chat --json talk.json
        """;

    public static Command Create(ToolContext context)
    {
        var system = new Option<string?>("--system") { Description = "Instructions to the model.", HelpName = "TEXT" };
        var run = new ModelRunOptions("exact");
        var generation = new GenerationOptionSet();
        Option<string?> json = RunOptions.Json("answers, tokens and times");
        var command = new ToolCommand("chat", "Talk with a model.", HelpNotes) { system };
        run.All.Concat(generation.All).Append(json).ToList().ForEach(command.Add);
        command.SetAction(parsed =>
        {
            GenerationOptions options = generation.Read(parsed, run.Seed(parsed));
            using GenerationRun loaded = GenerationRun.Load(context, run.Read(parsed));
            ChatTemplate template = ChatTemplate.Of(loaded.Tokenizer);
            List<ChatMessage> messages = parsed.GetValue(system) is string text ? [new ChatMessage(ChatMessage.System, text)] : [];
            while (!context.CancellationToken.IsCancellationRequested && ReadQuestion(context) is { Length: > 0 } question)
            {
                messages.Add(new ChatMessage(ChatMessage.User, question));
                int[] prompt = loaded.Tokenizer.Tokenizer.EncodePrompt(template.Render(messages, addGenerationPrompt: true), special: true);
                GenerationResult answer = loaded.Continue(prompt, options, question);
                messages.Add(new ChatMessage(ChatMessage.Assistant, answer.Text));
            }
            return loaded.Finish(parsed.GetValue(json));
        });
        return command;
    }

    private static string? ReadQuestion(ToolContext context)
    {
        if (context.ErrorIsTerminal)
        {
            context.Error.Write("> ");
            context.Error.Flush();
        }
        return context.In.ReadLine();
    }
}
