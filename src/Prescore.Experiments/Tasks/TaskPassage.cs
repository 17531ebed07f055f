namespace Prescore.Experiments.Tasks;

/// <summary>A question about a passage and the answer to it.</summary>
/// <param name="Depth">Which of the passage's facts it asks for, 0 the one nearest the beginning.</param>
/// <param name="Tokens">Tokens that the passage is continued with.</param>
/// <param name="Answer">The first token of the answer.</param>
/// <param name="Choices">First tokens of the answers that can be chosen, all different, the right one among them.</param>
internal sealed record TaskQuestion(int Depth, int[] Tokens, int Answer, int[] Choices);

/// <summary>A long text in which something has to be found, and questions that share it.</summary>
/// <param name="Tokens">The text.</param>
/// <param name="Questions">One question a depth.</param>
internal sealed record TaskPassage(int[] Tokens, TaskQuestion[] Questions);
