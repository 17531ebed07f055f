namespace Prescore.Experiments.Tasks;

/// <summary>One question to one passage with one method.</summary>
/// <param name="Task">The task.</param>
/// <param name="Spec">The method.</param>
/// <param name="Length">Tokens of the passage.</param>
/// <param name="Passage">Number of the passage.</param>
/// <param name="Depth">Which fact is asked for, 0 the one nearest the beginning.</param>
/// <param name="Found">Whether the answer is the likeliest of the choices.</param>
/// <param name="Greedy">Whether it is the likeliest of the whole vocabulary.</param>
/// <param name="LogLikelihood">ln p(answer | passage, question), nats.</param>
/// <param name="Budget">Interactions of the passage's prefill ÷ exact's.</param>
public sealed record TaskTrial(string Task, string Spec, int Length, int Passage, int Depth, bool Found, bool Greedy, double LogLikelihood, double Budget);
