namespace Prescore.Experiments.Tasks;

/// <summary>Facts of one form that differ in name and word, so that every one distracts from the others (multi-key retrieval in RULER, arXiv 2404.06654).</summary>
internal sealed class MultiKeyTask : ITask
{
    /// <inheritdoc/>
    public string Name => "multikey";

    /// <inheritdoc/>
    public string Description => "facts of one form (\"The secret word of NAME is WORD.\"), told apart by their names";

    /// <inheritdoc/>
    public int MostDepths => Vocabulary.Names.Length;

    /// <inheritdoc/>
    public TaskPassage Create(PassageSource source, int depths)
    {
        string[] names = source.Pick(Vocabulary.Names, depths, purpose: 0), words = source.Pick(Vocabulary.Words, depths, purpose: 1);
        int[] tokens = source.Hide([.. names.Zip(words, (name, word) => $" The secret word of {name} is {word}.")]);
        return new TaskPassage(tokens, [.. names.Select((name, i) => source.Ask(i, $"The secret word of {name} is", words[i], words))]);
    }
}
