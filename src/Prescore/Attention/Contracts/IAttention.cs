using Prescore.Specs;

namespace Prescore.Attention.Contracts;

/// <summary>
/// One attention method. Instances hold only their settings and are safe to share between threads.
/// </summary>
public interface IAttention
{
    /// <summary>The method in the grammar of <see cref="MethodSpec"/>, all sizes explicit, such as <c>window:w=512</c>.</summary>
    string Spec { get; }

    /// <summary>Computes outputs (and log-sum-exp where wanted) for all heads of all sequences.</summary>
    /// <param name="input">Queries, keys and values.</param>
    /// <param name="output">Where the results go.</param>
    /// <param name="options">Threads, SIMD path, seed, layer.</param>
    /// <param name="cancellationToken">Stops the work between tiles.</param>
    /// <returns>The work that was done.</returns>
    /// <exception cref="ArgumentException">Shapes, strides and span lengths do not fit.</exception>
    /// <exception cref="NonFiniteException">A query, key, value or log-weight is NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default);

    /// <summary>
    /// A cache that keeps the keys and values of one layer of one sequence, and what the method needs of them, and attends
    /// over them.
    /// </summary>
    /// <param name="shape">Heads and head sizes of the layer.</param>
    /// <param name="options">Options of every later call; <see cref="AttentionOptions.Layer"/> tells the layer.</param>
    IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options);
}

/// <summary>A method with one size parameter that sets its budget.</summary>
public interface ISizedAttention : IAttention
{
    /// <summary>Name of the size parameter in the method's spec: <c>w</c>, <c>s</c> or <c>sample</c>.</summary>
    string SizeParameter { get; }

    /// <summary>Whether the spec gave the size explicitly; then a wanted budget does not change it.</summary>
    bool HasExplicitSize { get; }

    /// <summary>The same method with another size.</summary>
    ISizedAttention WithSize(int size);

    /// <summary>Interactions the method would compute for this shape, without computing anything.</summary>
    long CountInteractions(AttentionShape shape, bool causal);
}
