using System.Runtime.InteropServices;
using Prescore.Attention.Core;
using Prescore.Numerics;

namespace Prescore.Attention.Clustered;

/// <summary>
/// A few evenly spaced queries of every block, one query head of the group after the other: they say which directions of
/// the keys matter. The second moment takes them in block by block, later blocks with more weight; the queries are kept,
/// so that rewinding can take it back.
/// </summary>
internal sealed class QuerySample(ClusteredOptions options, int dimension, int group)
{
    /// <summary>Queries a block.</summary>
    private const int BlockQueries = 16;

    /// <summary>Weight of earlier blocks relative to the newest: directions drift as the positions' rotations do.</summary>
    private const double BlockDecay = 0.95;

    private readonly List<int> _positions = [];
    private readonly List<float> _queries = [];
    private int _taken;

    /// <summary>Second moment of the queries of all blocks taken.</summary>
    public SecondMoment Moment { get; } = new(dimension);

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * (long)_queries.Capacity + sizeof(int) * (long)_positions.Capacity + Moment.Bytes;

    /// <summary>Which query head of the group is sampled at a position; −1: none.</summary>
    public int MemberAt(int position)
    {
        int spacing = Math.Max(1, options.BlockSize / BlockQueries);
        return position % spacing == spacing / 2 ? position / spacing % group : -1;
    }

    /// <summary>Adds a query; positions ascend.</summary>
    public void Add(int position, ReadOnlySpan<float> query)
    {
        _positions.Add(position);
        foreach (float component in query)
        {
            _queries.Add(component);
        }
    }

    /// <summary>Takes the queries before <paramref name="position"/>, the start of a block, into the moment.</summary>
    public void TakeBefore(int position)
    {
        int end = _taken;
        while (end < _positions.Count && _positions[end] < position)
        {
            end++;
        }
        if (end == _taken)
        {
            return;
        }
        Moment.Decay(BlockDecay);
        ReadOnlySpan<float> queries = CollectionsMarshal.AsSpan(_queries);
        Moment.Add(queries[(_taken * dimension)..(end * dimension)]);
        _taken = end;
    }

    /// <summary>Takes over the queries of another, none of them taken into the moment.</summary>
    public void CopyFrom(QuerySample other)
    {
        _positions.AddRange(other._positions);
        _queries.AddRange(other._queries);
    }

    /// <summary>Writes the queries.</summary>
    public void Save(CacheStream file)
    {
        file.Write(_positions.Count);
        file.Write<int>(CollectionsMarshal.AsSpan(_positions));
        file.Write<float>(CollectionsMarshal.AsSpan(_queries));
    }

    /// <summary>Reads what <see cref="Save"/> wrote of <paramref name="length"/> tokens; this sample is empty.</summary>
    public void Load(CacheStream file, int length)
    {
        int[] positions = file.Read<int>(file.ReadCount("the number of sampled queries", 0, length));
        bool ascend = positions.Zip(positions.Skip(1)).All(pair => pair.First < pair.Second);
        CacheStream.Require(
            positions.Length == 0 || (ascend && positions[0] >= 0 && positions[^1] < length), "the positions of sampled queries do not ascend");
        _positions.AddRange(positions);
        _queries.AddRange(file.ReadFinite((long)positions.Length * dimension));
    }

    /// <summary>Forgets queries from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        int kept = _positions.BinarySearch(length);
        kept = kept < 0 ? ~kept : kept;
        _positions.RemoveRange(kept, _positions.Count - kept);
        _queries.RemoveRange(kept * dimension, _queries.Count - kept * dimension);
    }

    /// <summary>Empties the moment, to take the queries once more.</summary>
    public void Restart()
    {
        Moment.Clear();
        _taken = 0;
    }
}
