using System.CommandLine;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study</c>: the experiments behind the documentation.</summary>
internal static class StudyCommand
{
    public static Command Create(ToolContext context) => new ToolCommand("study", "Run an experiment.", "Each study says in its own help what it measures.")
    {
        AgreementCommand.Create(context),
        StudyBudgetCommand.Create(context),
        StudyCoverageCommand.Create(context),
        StudyLayerCommand.Create(context),
        StudyPlantedCommand.Create(context),
        StudyTasksCommand.Create(context),
        StudyVisionCommand.Create(context),
    };
}
