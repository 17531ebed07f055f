namespace Prescore.Experiments.Tasks;

/// <summary>The text itself, and the beginning of one of its parts again: which token comes next?</summary>
internal sealed class CopyTask : ITask
{
    /// <summary>Tokens that are repeated.</summary>
    private const int Cue = 16;

    /// <summary>Tokens of the text that can be chosen.</summary>
    private const int Choices = 32;

    /// <inheritdoc/>
    public string Name => "copy";

    /// <inheritdoc/>
    public string Description => "16 tokens of the far text again, asked for is the one that followed them";

    /// <inheritdoc/>
    public int MostDepths => 64;

    /// <inheritdoc/>
    public TaskPassage Create(PassageSource source, int depths)
    {
        int[] tokens = source.Straw(source.Room, purpose: 2);
        if (tokens.Length < (depths + 1) * (Cue + 1))
        {
            throw new BadInputException($"a passage of {tokens.Length} tokens is too short for {depths} parts of it; use fewer depths or longer passages");
        }
        // The last part may not touch the question.
        int last = tokens.Length - 2 * (Cue + 1);
        return new TaskPassage(tokens, [.. Enumerable.Range(0, depths).Select(i => Ask(source, tokens, i, depths == 1 ? last / 2 : (int)((long)last * i / (depths - 1))))]);
    }

    private static TaskQuestion Ask(PassageSource source, int[] tokens, int depth, int start)
    {
        int answer = tokens[start + Cue];
        // The rarer a token of the text is, the less it is guessed: the choice is among tokens of the same text.
        IEnumerable<int> others = Enumerable.Range(0, tokens.Length).OrderBy(i => source.Draw(3 + depth, i)).Select(i => tokens[i]);
        return new TaskQuestion(depth, tokens[start..(start + Cue)], answer, [.. others.Prepend(answer).Distinct().Take(Choices)]);
    }
}
