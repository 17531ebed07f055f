namespace Prescore.Attention.Core;

// A query may attend its sets of keys in several blocks, one after the other: between them its state lies outside.
internal abstract unsafe partial class QueryBlock
{
    /// <summary>Adds a query, multiplied by <paramref name="scale"/>, that goes on from a state; returns its row.</summary>
    /// <param name="query">Query [d].</param>
    /// <param name="scale">Factor on the dot products.</param>
    /// <param name="state">What <see cref="Suspend"/> returned, or the default for a query that attended nothing.</param>
    /// <param name="output">What <see cref="Suspend"/> wrote; not read where the state is the default.</param>
    public abstract int Resume(ReadOnlySpan<float> query, float scale, SoftmaxState state, ReadOnlySpan<float> output);

    /// <summary>Writes a row's output, not yet divided by the sum, and returns its maximum and sum.</summary>
    public abstract SoftmaxState Suspend(int row, Span<float> output);
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    public override int Resume(ReadOnlySpan<float> query, float scale, SoftmaxState state, ReadOnlySpan<float> output)
    {
        int row = Add(query, scale);
        if (state.Sum != 0)
        {
            output.CopyTo(new Span<float>(_outputs + row * _outputStride, ValueDimension));
            _maxima[row] = state.Maximum;
            _sums[row] = state.Sum;
        }
        return row;
    }

    public override SoftmaxState Suspend(int row, Span<float> output)
    {
        if (_sums[row] == 0)
        {
            return default;
        }
        new ReadOnlySpan<float>(_outputs + row * _outputStride, ValueDimension).CopyTo(output);
        return new SoftmaxState(_maxima[row], _sums[row]);
    }
}
