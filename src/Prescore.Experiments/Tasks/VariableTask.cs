namespace Prescore.Experiments.Tasks;

/// <summary>Chains of two: a word is given to a name, later that name's to another, which is asked for (variable tracking in RULER, arXiv 2404.06654).</summary>
internal sealed class VariableTask : ITask
{
    /// <inheritdoc/>
    public string Name => "variables";

    /// <inheritdoc/>
    public string Description => "chains (\"VAR Oslo = apple.\", far on \"VAR Lima = Oslo.\"), asked for by the last name";

    /// <inheritdoc/>
    public int MostDepths => Vocabulary.Names.Length / 2;

    /// <inheritdoc/>
    public TaskPassage Create(PassageSource source, int depths)
    {
        string[] names = source.Pick(Vocabulary.Names, 2 * depths, purpose: 0), words = source.Pick(Vocabulary.Words, depths, purpose: 1);
        string[] first = names[..depths], second = names[depths..];
        int[] tokens = source.Hide([
            .. first.Zip(words, (name, word) => $" VAR {name} = {word}."),
            .. second.Zip(first, (name, other) => $" VAR {name} = {other}."),
        ]);
        return new TaskPassage(tokens, [.. second.Select((name, i) => source.Ask(i, $"The value of VAR {name} is", words[i], words))]);
    }
}
