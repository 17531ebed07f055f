namespace Prescore.Experiments.Tasks;

/// <summary>Facts of different kinds: each is the only one of its form, so it need only be found, not told from others.</summary>
internal sealed class NeedleTask : ITask
{
    private static readonly string[] Beginnings =
    [
        "The password of the old library is", "The secret ingredient of the soup is", "The name of the black ship is", "The magic word of the wizard is",
        "The code name of the spy is", "The first prize of the lottery is a", "The title of the lost painting is", "The favourite toy of the child is a",
        "The emblem of the football club is a", "The only thing in the locked box is a", "The answer to the riddle is", "The theme of the school play is",
        "The nickname of the robot is", "The word on the gold coin is", "The shape of the birthday cake is a", "The last word of the song is",
    ];

    /// <inheritdoc/>
    public string Name => "needle";

    /// <inheritdoc/>
    public string Description => "facts of different kinds (\"The password of the old library is WORD.\"), each asked for by its own beginning";

    /// <inheritdoc/>
    public int MostDepths => Beginnings.Length;

    /// <inheritdoc/>
    public TaskPassage Create(PassageSource source, int depths)
    {
        string[] beginnings = source.Pick(Beginnings, depths, purpose: 0), words = source.Pick(Vocabulary.Words, depths, purpose: 1);
        int[] tokens = source.Hide([.. beginnings.Zip(words, (beginning, word) => $" {beginning} {word}.")]);
        return new TaskPassage(tokens, [.. beginnings.Select((beginning, i) => source.Ask(i, beginning, words[i], Vocabulary.Words))]);
    }
}
