using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Experiments;
using Prescore.Generation;
using Prescore.Generation.Chat;
using Prescore.Models.Formats;
using Prescore.Models.Hub;
using Prescore.Models.Tokenizers;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore ask</c>: questions about a long document.</summary>
internal static class AskCommand
{
    private const string DefaultMethod = "clustered:error=0.05";

    /// <summary>A shorter beginning is computed about as fast as it is read.</summary>
    private const int LeastKeptTokens = 512;

    private static readonly string HelpNotes = $$"""
        The document goes before the question in the model's chat format (or as plain text, where it has none), through
        clustered attention. It is read once: every further question reads itself alone. Without a question, one is read
        from each line of the standard input.

        Documents of {{LeastKeptTokens}} tokens and more are kept as they were read, so that a later 'prescore ask' of the same
        document, model, method and seed goes on from there: in sessions/ in PRESCORE_HOME, or else in prescore/ in the
        user's folder for caches. Those not used for longest go when they are more than --cache-limit together.

        {{GenerationOptionSet.Notes}}
        Examples:
          prescore ask --file notes.txt "Who is mentioned?" "When was that?"
          prescore ask --file book.txt --first 7500 "What happens?" --max-tokens 100
          prescore ask --file book.txt --first 30k --rope yarn:factor=4 "Who is Anna?" --no-cache
        """;

    public static Command Create(ToolContext context)
    {
        var questions = new Argument<string[]>("QUESTION") { Description = "What to ask.", Arity = ArgumentArity.ZeroOrMore };
        PathOption file = PathOptions.Text("--file", "The document (UTF-8).");
        file.Required = true;
        Option<int?> first = NumberOptions.Whole("--first", "Read only the first N tokens of the document.", minimum: 1);
        var noCache = new Option<bool>("--no-cache") { Description = "Keep nothing of the document on disk, and use nothing kept." };
        Option<int?> cacheLimit = NumberOptions.Whole(
            "--cache-limit", $"Most GiB of all documents kept. Default: {SessionCache.DefaultLimit >> 30}.", minimum: 1, "GIB");
        var run = new ModelRunOptions(DefaultMethod);
        var generation = new GenerationOptionSet();
        Option<string?> json = RunOptions.Json("answers, tokens and times");
        var command = new ToolCommand("ask", "Ask questions about a long document.", HelpNotes) { questions, file, first, noCache, cacheLimit };
        run.All.Concat(generation.All).Append(json).ToList().ForEach(command.Add);
        command.SetAction(parsed =>
        {
            GenerationOptions options = generation.Read(parsed, run.Seed(parsed));
            if (parsed.GetValue(questions)!.Any(string.IsNullOrWhiteSpace))
            {
                throw new BadInputException("a question is empty");
            }
            using TextInput input = TextInputs.Open(context, parsed.GetValue(file)!);
            using GenerationRun loaded = GenerationRun.Load(context, run.Read(parsed));
            string document = First(loaded.Tokenizer.Tokenizer, input, parsed.GetValue(first));
            if (string.IsNullOrWhiteSpace(document))
            {
                throw new BadInputException($"the document '{parsed.GetValue(file)}' is empty");
            }
            int[] beginning = Beginning(loaded.Tokenizer, document);
            var kept = new DocumentCache(
                context, loaded.Session, beginning,
                parsed.GetValue(noCache) || beginning.Length < LeastKeptTokens ? null : Cache(parsed.GetValue(cacheLimit)));
            foreach (string question in Questions(context, parsed.GetValue(questions)!))
            {
                int[] prompt = Prompt(loaded.Tokenizer, document, question);
                RequireContext(loaded, prompt.Length);
                context.Error.WriteLine($"> {question}");
                loaded.Continue(prompt, options, question);
                kept.Keep();
                if (context.CancellationToken.IsCancellationRequested)
                {
                    break;
                }
            }
            return loaded.Finish(parsed.GetValue(json));
        });
        return command;
    }

    private static SessionCache Cache(int? gibibytes) => new(
        Path.Combine(HubSettings.FromEnvironment().CacheFolder, "sessions"), gibibytes is int most ? (long)most << 30 : SessionCache.DefaultLimit);

    /// <summary>The tokens that every question's prompt begins with.</summary>
    private static int[] Beginning(ModelTokenizer model, string document)
    {
        int[] prompt = Prompt(model, document, "?"), other = Prompt(model, document, "a");
        return prompt[..prompt.AsSpan().CommonPrefixLength(other)];
    }

    private static string First(ITokenizer tokenizer, TextInput text, int? tokens) =>
        tokens is int count ? tokenizer.Decode(TokenPrefix.Read(tokenizer, text, count)) : text.ReadToEnd();

    private static IEnumerable<string> Questions(ToolContext context, string[] given)
    {
        if (given.Length > 0)
        {
            return given;
        }
        return ReadLines();

        IEnumerable<string> ReadLines()
        {
            while (context.In.ReadLine() is { Length: > 0 } line)
            {
                yield return line;
            }
        }
    }

    private static int[] Prompt(ModelTokenizer model, string document, string question)
    {
        if (model.ChatTemplate is null)
        {
            return model.Tokenizer.EncodePrompt($"{document}\n\nQuestion: {question}\nAnswer:");
        }
        string prompt = ChatTemplate.Of(model).Render([new ChatMessage(ChatMessage.User, $"{document}\n\n{question}")], addGenerationPrompt: true);
        return model.Tokenizer.EncodePrompt(prompt, special: true);
    }

    private static void RequireContext(GenerationRun loaded, int tokens)
    {
        if (tokens > loaded.Session.ContextLimit)
        {
            throw new BadInputException(
                $"document and question have {tokens} tokens, the model takes {loaded.Session.ContextLimit}; read a part with --first N, or scale positions with --rope yarn:factor=F");
        }
    }
}
