using System.Collections.Concurrent;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;

namespace Prescore.Attention.Hyper;

/// <summary>
/// What HyperAttention keeps of a sequence: the codes of its keys, and of every segment that the next query will meet the
/// chosen keys, sorted. Both follow from the keys, so a fork finds them anew.
/// </summary>
internal sealed class HyperMemory : SequenceMemory
{
    private readonly ConcurrentDictionary<(int Head, DyadicNode Segment), SortedSegment> _segments = new();

    public HyperMemory(CacheShape shape, AttentionOptions options)
        : base(shape, options)
    {
        Codes = new HashCodes(options, 1, shape.QueryHeads, shape.KeyValueHeads, shape.HeadDimension);
    }

    public override long Bytes => base.Bytes + Codes.Bytes + _segments.Values.Sum(segment => segment.Bytes);

    /// <summary>Codes of the keys.</summary>
    public HashCodes Codes { get; }

    /// <summary>The sorted keys of a segment of a key/value head.</summary>
    public SortedSegment Segment(int head, DyadicNode segment, Func<SortedSegment> create) =>
        _segments.GetOrAdd((head, segment), static (_, make) => make(), create);

    /// <summary>Drops the segments that no query from <paramref name="position"/> on meets.</summary>
    public void KeepFor(int position)
    {
        foreach ((int Head, DyadicNode Segment) key in _segments.Keys)
        {
            if (position < key.Segment.EndKey || position >= key.Segment.EndQuery)
            {
                _segments.TryRemove(key, out _);
            }
        }
    }

    public override void Truncate(int length)
    {
        base.Truncate(length);
        Codes.Truncate(length);
        KeepFor(length);
    }

    public override void Dispose()
    {
        base.Dispose();
        Codes.Dispose();
    }

    protected override SequenceMemory Empty() => new HyperMemory(Shape, Options);
}
