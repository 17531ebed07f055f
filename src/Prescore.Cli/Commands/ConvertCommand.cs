using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore convert</c>: the weights of any model as one safetensors file of plain floats.</summary>
internal static class ConvertCommand
{
    private const string HelpNotes = """
        MODEL is a .gguf file of any architecture and any of its storage types (of a split one, any part), a .safetensors
        file, the index of a sharded one, or a folder as Hugging Face's hub lays it out. Names and dimensions stay as they
        are, row-major; integers are copied. F32 loses nothing of quantised weights; F16 and BF16 round to the nearest; a value
        beyond F16's range is refused.
        Single numbers and strings of GGUF metadata become the file's metadata; lists such as the vocabulary do not.

        Examples:
          prescore convert mine.gguf mine.safetensors
          prescore convert mine-00001-of-00003.gguf mine.safetensors --type BF16
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string> model = PathOptions.ModelArgument("MODEL", "A .gguf or .safetensors file, or a model's folder.");
        Argument<string> output = PathOptions.OutputArgument("OUT", "The .safetensors file to write.");
        var type = new Option<string>("--type")
        {
            Description = "Type of all floats: F32, F16 or BF16.",
            HelpName = "TYPE",
            DefaultValueFactory = _ => "F32",
        };
        type.AcceptOnlyFromAmong(SafetensorsConverter.Types);
        var command = new ToolCommand("convert", "Write a model's weights as a safetensors file of plain floats.", HelpNotes)
        {
            model, output, type,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(output)!;
            using ITensorSource source = TensorSource.Open(parsed.GetValue(model)!);
            using (var bar = new ProgressLine(context))
            {
                SafetensorsConverter.Write(
                    source, path, parsed.GetValue(type)!, new NamedProgress(bar, Path.GetFileName(path)), context.CancellationToken);
            }
            context.Out.WriteLine($"{Path.GetFileName(path)}: {Numbers.Count(source.Tensors.Count)} tensors as {parsed.GetValue(type)}");
            return ExitCodes.Done;
        });
        return command;
    }
}
