using System.CommandLine;
using Prescore.Cli.Rendering;
using Prescore.Models.Hub;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore models</c>: what models are here.</summary>
internal static class ModelsCommand
{
    private const string HelpNotes = """
        Lists the model that comes with the tool and those that `prescore pull` fetched, by the names that commands take.
        To remove one, delete its file or folder.

        Example:
          prescore models
        """;

    public static Command Create(ToolContext context)
    {
        var command = new ToolCommand("models", "List the models that are here.", HelpNotes);
        command.SetAction(_ =>
        {
            Table table = Tables.Create(context, "model", "size", "path");
            string embedded = EmbeddedFiles.Model;
            table.AddPlainRow("(the default)", Numbers.Bytes(new FileInfo(embedded).Length), embedded);
            foreach (CachedModel model in new ModelCache(HubSettings.FromEnvironment().CacheFolder).List())
            {
                table.AddPlainRow(model.Name, Numbers.Bytes(model.Bytes), model.Path);
            }
            Tables.Write(context, table);
            return ExitCodes.Done;
        });
        return command;
    }
}
