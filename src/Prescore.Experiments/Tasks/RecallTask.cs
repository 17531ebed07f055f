namespace Prescore.Experiments.Tasks;

/// <summary>Bare pairs of a name and a word; a name recalls its word (multi-query associative recall, arXiv 2312.04927).</summary>
internal sealed class RecallTask : ITask
{
    /// <inheritdoc/>
    public string Name => "recall";

    /// <inheritdoc/>
    public string Description => "pairs (\"NAME: WORD\"), a name asks for its word";

    /// <inheritdoc/>
    public int MostDepths => Vocabulary.Names.Length;

    /// <inheritdoc/>
    public TaskPassage Create(PassageSource source, int depths)
    {
        string[] names = source.Pick(Vocabulary.Names, depths, purpose: 0), words = source.Pick(Vocabulary.Words, depths, purpose: 1);
        int[] tokens = source.Hide([.. names.Zip(words, (name, word) => $"\n{name}: {word}\n")]);
        return new TaskPassage(tokens, [.. names.Select((name, i) => source.Ask(i, $"{name}:", words[i], words))]);
    }
}
