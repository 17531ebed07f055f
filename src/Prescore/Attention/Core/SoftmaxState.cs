namespace Prescore.Attention.Core;

/// <summary>
/// Running maximum and sum of an online softmax. Together with the output that is not yet divided by the sum they are
/// all that a query keeps between two sets of keys.
/// </summary>
/// <param name="Maximum">Largest logit so far.</param>
/// <param name="Sum">Sum of e^(logit − maximum) so far; 0 (the default) means that no key was attended.</param>
internal readonly record struct SoftmaxState(float Maximum, float Sum);
