using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Prescore.Cli.Options;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore tokenize</c>: a text as the ids and pieces of a model's tokenizer.</summary>
internal static class TokenizeCommand
{
    private const string HelpNotes = """
        One line a token: its id, a tab, its text with line breaks and the like escaped. A part of a character shows as
        U+FFFD. No token is added at the beginning or the end.

        Examples:
          echo "Hello world" | prescore tokenize
          prescore tokenize --model mine.gguf --text book.txt --json > tokens.json
          prescore tokenize --special --text chat.txt
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = PathOptions.Text("--text", "Text file (UTF-8); - is the standard input, the default.");
        var special = new Option<bool>("--special") { Description = "Recognise control tokens such as <|im_start|> in the text." };
        var json = new Option<bool>("--json") { Description = "Write JSON (docs/json.md) instead of lines." };
        var command = new ToolCommand("tokenize", "Split a text into the tokens of a model.", HelpNotes)
        {
            model, text, special, json,
        };
        command.SetAction(parsed =>
        {
            ITokenizer tokenizer = ModelTokenizer.Load(parsed.GetValue(model) ?? EmbeddedFiles.Model).Tokenizer;
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? TextInputs.StandardInput);
            int[] ids = tokenizer.Encode(input.ReadToEnd(), parsed.GetValue(special));
            context.Out.Write(parsed.GetValue(json) ? Json(ids, tokenizer) : Lines(ids, tokenizer));
            return ExitCodes.Done;
        });
        return command;
    }

    private static string Json(int[] ids, ITokenizer tokenizer) => ReportJson.Serialize(new TokenizeReport
    {
        Count = ids.Length,
        Tokens = [.. ids.Select(id => new TokenRow(id, tokenizer.Piece(id)))],
    });

    private static string Lines(int[] ids, ITokenizer tokenizer)
    {
        var lines = new StringBuilder();
        foreach (int id in ids)
        {
            string piece = JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(tokenizer.Piece(id)).Replace("\\\"", "\"");
            lines.Append(CultureInfo.InvariantCulture, $"{id}\t{piece}\n");
        }
        return lines.ToString();
    }
}
