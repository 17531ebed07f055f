using Prescore.Attention.Contracts;

namespace Prescore.Attention.Core;

/// <summary>
/// What all caches share: a call's tensors are checked, a call that fails leaves no trace, and a file has the magnitudes too.
/// </summary>
internal abstract class KeyValueCache(CacheShape shape, AttentionOptions options, int length) : ISavableCache
{
    /// <summary>Of all tokens so far: those forgotten or of a fork's parent count too, which costs a check at most.</summary>
    private LargestMagnitudes _largest = new();

    /// <inheritdoc/>
    public int Length { get; private protected set; } = length;

    /// <inheritdoc/>
    public abstract long Bytes { get; }

    /// <inheritdoc/>
    public abstract string Storage { get; }

    protected CacheShape Shape => shape;

    protected AttentionOptions Options => options;

    /// <inheritdoc/>
    public AttentionReport AppendAndAttend(
        int count,
        ReadOnlySpan<float> queries,
        ReadOnlySpan<float> keys,
        ReadOnlySpan<float> values,
        Span<float> output,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        int before = Length, after = checked(before + count);
        var input = new AttentionInput
        {
            Shape = shape.Call(count, count),
            Queries = queries,
            QueryLayout = shape.QueryRows(count, shape.HeadDimension),
            Keys = keys,
            KeyLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.HeadDimension),
            Values = values,
            ValueLayout = HeadLayout.RowsFirst(shape.KeyValueHeads, count, shape.ValueDimension),
            Causal = true,
            Scale = shape.Scale,
        };
        var result = new AttentionOutput { Output = output, Layout = shape.QueryRows(count, shape.ValueDimension) };
        LargestMagnitudes largest = _largest.Copy();
        AttentionReport report = AttentionCall.Run(input, result, options, cancellationToken, call => AppendOrRestore(call, before), largest);
        (Length, _largest) = (after, largest);
        // The call knows only the new keys; the queries saw those before them as well.
        return report with { ExactInteractions = shape.Call(count, after).ExactInteractions(causal: true) };
    }

    /// <inheritdoc/>
    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        if (length < Length)
        {
            Truncate(length);
            Length = length;
        }
    }

    /// <inheritdoc/>
    public IKeyValueCache Fork()
    {
        KeyValueCache fork = Copy();
        fork._largest = _largest.Copy();
        return fork;
    }

    /// <inheritdoc/>
    public void Save(Stream stream)
    {
        var file = new CacheStream(stream);
        _largest.Save(file);
        Save(file);
    }

    /// <inheritdoc/>
    public void Load(Stream stream, int length)
    {
        if (Length > 0)
        {
            throw new InvalidOperationException($"the cache holds {Length} tokens already");
        }
        var file = new CacheStream(stream);
        _largest.Load(file);
        Load(file, length);
        Length = length;
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Writes what the tokens left behind.</summary>
    protected abstract void Save(CacheStream file);

    /// <summary>Reads what <see cref="Save(CacheStream)"/> wrote of so many tokens into an empty cache.</summary>
    protected abstract void Load(CacheStream file, int length);

    /// <summary>Another cache with the same tokens.</summary>
    protected abstract KeyValueCache Copy();

    /// <summary>Takes in the tokens of a call, whose keys are the next ones after <see cref="Length"/> others, and attends.</summary>
    protected abstract void Append(AttentionCall call);

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    protected abstract void Truncate(int length);

    /// <summary>Back to a length after an append that stopped anywhere on its way.</summary>
    protected virtual void Restore(int length) => Truncate(length);

    private void AppendOrRestore(AttentionCall call, int before)
    {
        try
        {
            Append(call);
        }
        catch
        {
            Restore(before);
            throw;
        }
    }
}
