using Prescore.Attention.Contracts;

namespace Prescore.Attention.Core;

/// <summary>
/// A method that only says which keys a block of queries attends; checks, packing, softmax, threads and the cache are done
/// here. The way to a method outside this library: see <c>samples/CustomMethods</c>.
/// </summary>
public abstract class KeyListAttention : IAttention
{
    /// <summary>Positions of a block of queries; blocks start at multiples of it, however a prompt is cut.</summary>
    public const int BlockPositions = 128;

    /// <inheritdoc/>
    public abstract string Spec { get; }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new SequenceMemory(shape, options), Compute);

    /// <summary>
    /// Lists the keys that the queries of a block attend, ascending, each once. Where attention is causal a query leaves out
    /// those after its own position. Called from several threads at once. For the same outputs however a prompt is cut, the
    /// keys listed for a query must not depend on other queries or on later keys, but may on the block.
    /// </summary>
    /// <param name="block">The block, its keys and values.</param>
    /// <param name="keys">Receives positions.</param>
    protected abstract void ListKeys(QueryBlockKeys block, List<int> keys);

    private void Compute(AttentionCall call) =>
        AttentionWorkspace.ForEachBlock(call, BlockPositions, (workspace, batch, head, block) =>
        {
            var keys = new List<int>();
            ListKeys(new QueryBlockKeys(call, batch, head, block), keys);
            workspace.Keys.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(keys));
            if (call.Causal)
            {
                workspace.AttendUpTo(ahead: 0);
            }
            else
            {
                workspace.AttendAll();
            }
        });
}
