namespace Prescore.Attention.Core;

/// <summary>
/// The queries of a call in blocks that start at absolute multiples of a size: however a prompt is cut, a query lies
/// in the same block.
/// </summary>
/// <param name="first">Absolute position of the first query; negative where more queries than keys are not causal.</param>
/// <param name="end">One beyond the last query's position.</param>
/// <param name="size">Positions of a block, at least 1.</param>
internal readonly struct PositionBlocks(int first, int end, int size)
{
    /// <summary>Absolute number of the first block: its positions start at that number times the size.</summary>
    public int FirstBlock { get; } = FloorDivide(first, size);

    /// <summary>Number of blocks that hold a query.</summary>
    public int Count => end <= first ? 0 : FloorDivide(end - 1, size) - FirstBlock + 1;

    /// <summary>The blocks of all queries of a call.</summary>
    public static PositionBlocks Of(AttentionCall call, int size) => new(call.Shape.FirstQueryPosition, call.Shape.Keys, size);

    /// <summary>Block <paramref name="index"/> of <see cref="Count"/>.</summary>
    public PositionBlock this[int index]
    {
        get
        {
            int start = (FirstBlock + index) * size;
            return new PositionBlock(start, start + size, Math.Max(first, start), Math.Min(end, start + size));
        }
    }

    private static int FloorDivide(int position, int size) =>
        position >= 0 ? position / size : -((size - 1 - position) / size);
}

/// <summary>One block of positions and the queries of the call that lie in it.</summary>
/// <param name="Start">First position of the block.</param>
/// <param name="End">One beyond its last position.</param>
/// <param name="FirstQuery">Position of the first query of the call in the block.</param>
/// <param name="EndQuery">One beyond the position of the last query of the call in the block.</param>
internal readonly record struct PositionBlock(int Start, int End, int FirstQuery, int EndQuery);
