using System.CommandLine;
using System.Globalization;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore info</c>: what is in a model or tensor file, from its header alone.</summary>
internal static class InfoCommand
{
    private const string HelpNotes = """
        Reads the header alone, so that it is quick for files of any size. Tensors of equal type and shape that differ
        only in the layer's number stand in one line, as blk.0-29.attn_q.weight.

        Examples:
          prescore info models/SmolLM2-135M-Instruct.Q4_1.gguf
          prescore info captured.safetensors
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string> file = PathOptions.ModelArgument("FILE", "A .gguf or .safetensors file, a folder, or a fetched model by its name.");
        var command = new ToolCommand("info", "Show architecture, shapes, types, tokenizer and context of a model file.", HelpNotes)
        {
            file,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(file)!;
            using ITensorSource source = TensorSource.Open(path);
            if (source is GgufFile gguf)
            {
                DescribeGguf(context, gguf);
            }
            else
            {
                DescribeSafetensors(context, source);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    private static void DescribeGguf(ToolContext context, GgufFile file)
    {
        // Everything is read before anything is shown: a bad value leaves no half of a table.
        (string, string)[] facts = [.. GgufFacts(file)];
        ListedTensor[] tensors =
        [
            .. file.Tensors.Select(t => new ListedTensor(t.Name, t.Type.Name, ListedTensor.Dimensions(t.Shape), t.Count, t.ByteLength)),
        ];
        WriteFacts(context, [.. facts, .. TensorTable.Summary(tensors)]);
        TensorTable.Write(context, tensors, "shape");
    }

    private static IEnumerable<(string Name, string Value)> GgufFacts(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        string architecture = metadata.GetString("general.architecture");
        yield return ("file", $"{Path.GetFileName(file.Path)}, GGUF version {file.Version}");
        yield return ("architecture", architecture);
        if (metadata.GetString("general.name", null) is string name)
        {
            yield return ("name", name);
        }
        foreach ((string label, string key) in new[]
        {
            ("layers", "block_count"),
            ("context", "context_length"),
            ("hidden size", "embedding_length"),
            ("feed-forward size", "feed_forward_length"),
            ("query heads", "attention.head_count"),
            ("key/value heads", "attention.head_count_kv"),
            ("head size", "attention.key_length"),
            ("rotary dimensions", "rope.dimension_count"),
        })
        {
            if (metadata.Contains($"{architecture}.{key}"))
            {
                yield return (label, Numbers.Count(metadata.GetCount($"{architecture}.{key}")));
            }
        }
        if (metadata.Contains($"{architecture}.rope.freq_base"))
        {
            yield return ("rotary base", metadata.GetFloat($"{architecture}.rope.freq_base").ToString("N0", CultureInfo.InvariantCulture));
        }
        if (metadata.GetString("tokenizer.ggml.model", null) is string tokenizer)
        {
            string? pre = metadata.GetString("tokenizer.ggml.pre", null);
            int tokens = metadata.TryGetArray("tokenizer.ggml.tokens", out string[]? vocabulary) ? vocabulary.Length : 0;
            yield return ("tokenizer", $"{tokenizer}{(pre is null ? "" : $", pre-tokenizer {pre}")}, {Numbers.Count(tokens)} tokens");
        }
    }

    private static void DescribeSafetensors(ToolContext context, ITensorSource file)
    {
        ListedTensor[] tensors =
        [
            .. file.Tensors.Select(t => new ListedTensor(t.Name, t.Type.Name, ListedTensor.Dimensions(t.Shape), t.Count, t.ByteLength)),
        ];
        WriteFacts(
            context,
            [
                ("file", $"{Path.GetFileName(file.Path)}, safetensors"),
                .. ((file as SafetensorsFile)?.Metadata ?? new Dictionary<string, string>()).Select(entry => (entry.Key, entry.Value)),
                .. TensorTable.Summary(tensors),
            ]);
        TensorTable.Write(context, tensors, "shape");
    }

    private static void WriteFacts(ToolContext context, IReadOnlyList<(string Name, string Value)> facts)
    {
        (string Name, string Value)[] shown = [.. facts.Select(fact => (VisibleText.Line(fact.Name), fact.Value))];
        int width = shown.Max(fact => fact.Name.Length);
        foreach ((string name, string value) in shown)
        {
            string line = Failures.OneLine(value);
            context.Out.WriteLine($"{name.PadRight(width)}  {(line.Length > 160 ? line[..160] + "…" : line)}");
        }
    }
}
