namespace Prescore.Experiments.Tasks;

/// <summary>Something to be found in a long text.</summary>
internal interface ITask
{
    /// <summary>Name in options, tables and JSON.</summary>
    string Name { get; }

    /// <summary>What it hides and asks, for help and report: one line.</summary>
    string Description { get; }

    /// <summary>Most facts a passage can have.</summary>
    int MostDepths { get; }

    /// <summary>Builds a passage; which part of the text, which names and words follows from the seed and the passage's number alone.</summary>
    /// <param name="source">Text, tokenizer and draws of this passage.</param>
    /// <param name="depths">Number of facts, evenly spaced.</param>
    /// <exception cref="BadInputException">The text is too short, or the length is for so many facts.</exception>
    TaskPassage Create(PassageSource source, int depths);
}

/// <summary>All tasks.</summary>
public static class RetrievalTasks
{
    /// <summary>One line each.</summary>
    internal static IReadOnlyList<ITask> All { get; } = [new NeedleTask(), new MultiKeyTask(), new VariableTask(), new RecallTask(), new CopyTask()];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(task => task.Name)];

    /// <summary>Name and description of each.</summary>
    public static IReadOnlyList<(string Name, string Description)> Descriptions { get; } = [.. All.Select(task => (task.Name, task.Description))];

    /// <summary>The task of a name.</summary>
    /// <exception cref="BadInputException">There is none.</exception>
    internal static ITask Get(string name) =>
        All.FirstOrDefault(task => task.Name == name) ?? throw new BadInputException(Specs.UnknownName.Describe("task", name, [.. Names]));
}
