using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Numerics;

namespace Prescore.Attention.PreScored;

/// <summary>
/// Queries of one key/value head that a scorer may look at: those at the last positions of every block, of all query heads of
/// the group. A fit at the start of a block sees the ones just before it, however the prompt was cut.
/// </summary>
/// <param name="batch">Sequence.</param>
/// <param name="head">Key/value head.</param>
internal sealed class ObservedQueries(int batch, int head)
{
    /// <summary>Positions of a block that are kept.</summary>
    public const int Positions = 32;

    private const int FirstOffset = FarKeys.BlockPositions - Positions;

    private readonly Dictionary<int, Block> _blocks = [];

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * _blocks.Values.Sum(block => (long)block.Rows.Length);

    /// <summary>Gives another head's cache what this one has seen.</summary>
    public void CopyTo(ObservedQueries fork)
    {
        foreach ((int number, Block block) in _blocks)
        {
            fork._blocks[number] = new Block([.. block.Rows], block.First) { End = block.End };
        }
    }

    /// <summary>Evenly spaced queries of a call that is not causal, dense [number, d].</summary>
    public static float[] Spread(AttentionCall call, int batch, int head)
    {
        int count = Math.Min(Positions, call.Shape.Queries), group = call.Shape.GroupSize, d = call.Shape.HeadDimension;
        var rows = new float[count * group * d];
        for (int i = 0; i < count; i++)
        {
            Copy(call, batch, head, EvenSpacing.Index(i, count, call.Shape.Queries), rows.AsSpan(i * group * d));
        }
        return rows;
    }

    /// <summary>Keeps those of a call's queries that are to be kept.</summary>
    public void Take(AttentionCall call)
    {
        int width = call.Shape.GroupSize * call.Shape.HeadDimension;
        for (int query = 0; query < call.Shape.Queries; query++)
        {
            (int number, int offset) = Math.DivRem(call.Shape.FirstQueryPosition + query, FarKeys.BlockPositions);
            int row = offset - FirstOffset;
            if (row < 0)
            {
                query += -row - 1;
                continue;
            }
            if (!_blocks.TryGetValue(number, out Block? block) || block.End != row)
            {
                _blocks[number] = block = new Block(new float[Positions * width], row);
            }
            Copy(call, batch, head, query, block.Rows.AsSpan(row * width));
            block.End = row + 1;
        }
    }

    /// <summary>The queries just before a block; none where they were not seen, as after loading a session.</summary>
    public KeyMatrix Before(int block, int dimension)
    {
        if (!_blocks.TryGetValue(block - 1, out Block? seen))
        {
            return default;
        }
        int width = seen.Rows.Length / Positions;
        ReadOnlySpan<float> rows = seen.Rows.AsSpan(seen.First * width, (seen.End - seen.First) * width);
        return new KeyMatrix { Values = rows, Count = rows.Length / dimension, Dimension = dimension };
    }

    /// <summary>Forgets the queries from position <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        foreach (int number in _blocks.Keys.ToArray())
        {
            Block block = _blocks[number];
            block.End = (int)Math.Min(block.End, length - (long)number * FarKeys.BlockPositions - FirstOffset);
            if (block.End <= block.First)
            {
                _blocks.Remove(number);
            }
        }
    }

    private static void Copy(AttentionCall call, int batch, int head, int query, Span<float> rows)
    {
        int group = call.Shape.GroupSize, d = call.Shape.HeadDimension;
        for (int member = 0; member < group; member++)
        {
            TensorPrimitives.Multiply(call.Queries(batch, head * group + member).Row(query), call.Scale, rows.Slice(member * d, d));
        }
    }

    /// <summary>Rows of one block: those of positions First to End are known.</summary>
    private sealed class Block(float[] rows, int first)
    {
        public float[] Rows => rows;

        public int First => first;

        public int End { get; set; }
    }
}
