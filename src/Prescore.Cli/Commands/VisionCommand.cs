using System.CommandLine;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore vision</c>: vision transformers.</summary>
internal static class VisionCommand
{
    private const string HelpNotes = """
        Examples:
          prescore vision classify shirt.png --model vit
          prescore vision embed cat.jpg dog.jpg --model dinov2-small --size 518 --attention coreset:s=256
          prescore vision attention cat.jpg --model dinov2-small --out overlay.png
          prescore vision train --out vit/model.safetensors
        """;

    public static Command Create(ToolContext context) => new ToolCommand("vision", "Vision transformers with pre-scored attention.", HelpNotes)
    {
        VisionClassifyCommand.Create(context),
        VisionEmbedCommand.Create(context),
        VisionAttentionCommand.Create(context),
        VisionTrainCommand.Create(context),
    };
}
