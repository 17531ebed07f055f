using System.CommandLine;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision</c>: vision transformers.</summary>
internal static class VisionCommand
{
    private const string HelpNotes = """
        Examples:
          prescore vision train --out vit/model.safetensors
        """;

    public static Command Create(ToolContext context) => new ToolCommand("vision", "Vision transformers with pre-scored attention.", HelpNotes)
    {
        VisionTrainCommand.Create(context),
    };
}
