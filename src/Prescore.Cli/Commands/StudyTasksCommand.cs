using System.CommandLine;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Tasks;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study tasks</c>: what a model finds in long texts with each attention method.</summary>
internal static class StudyTasksCommand
{
    private const string DefaultLengths = "2k,4k";
    private const int DefaultPassages = 8;

    private static readonly string[] DefaultMethods =
        ["exact", "window:w=512", "prescored:scorer=kmeans,s=512,inner=exact", "prescored:scorer=random,s=512,inner=exact", "clustered:error=0.05"];

    private static readonly string HelpNotes = $"""
        Tasks, each built from the text by --seed; the questions of a passage share one run of the model over it:
        {string.Join("\n", RetrievalTasks.Descriptions.Select(task => $"  {task.Name,-10} {task.Description}"))}
        An answer is found where its first token is the likeliest of the choices: 32 words for needle, the words of the
        passage for multikey, variables and recall, 32 tokens of the text for copy. Greedy: the likeliest of all tokens.

        --resume FILE keeps finished trials: the same command goes on where it was stopped.

        {MethodHelp.Grammar()}
        Examples:
          prescore study tasks
          prescore study tasks --tasks copy recall --lengths 8k --methods window:w=1024 clustered:error=0.1
        """;

    public static Command Create(ToolContext context)
    {
        var tasks = new Option<string[]>("--tasks") { Description = "Tasks. Default: all.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        var options = new TaskOptions(DefaultMethods, DefaultLengths, DefaultPassages);
        var command = new ToolCommand("tasks", "Needles, variables, recall and copying in long texts: what each attention method still answers.", HelpNotes) { tasks };
        foreach (Option option in options.All)
        {
            command.Add(option);
        }
        command.SetAction(parsed => options.Run(context, parsed, parsed.GetValue(tasks) is { Length: > 0 } names ? names : RetrievalTasks.Names));
        return command;
    }
}
