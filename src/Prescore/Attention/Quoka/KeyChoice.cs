using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;

namespace Prescore.Attention.Quoka;

/// <summary>
/// How the queries of a chunk choose keys. Of each query head those choose whose cosine to the head's mean query is lowest.
/// A key's score is the largest, over their ranks, of its mean cosine to the heads' queries of that rank; by linearity that
/// is the product with the mean of their unit queries. One instance a thread.
/// </summary>
internal sealed unsafe class KeyChoice : IDisposable
{
    private readonly AttentionCall _call;
    private readonly int _representatives;
    private readonly NativeBuffer _choosers;
    private readonly float[] _cosines;
    private readonly float[] _mean;
    private readonly int[] _order;
    private float[] _scores = [];
    private int[] _best = [];

    /// <summary>Room for the chunks of a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="queries">Most queries of a chunk, a head.</param>
    /// <param name="representatives">Most of them that choose.</param>
    public KeyChoice(AttentionCall call, int queries, int representatives)
    {
        (_call, _representatives) = (call, Math.Min(representatives, queries));
        _choosers = NativeBuffer.Rent((nint)_representatives * call.Shape.HeadDimension);
        _cosines = new float[queries];
        _order = new int[queries];
        _mean = new float[call.Shape.HeadDimension];
    }

    /// <summary>How many choose.</summary>
    public int Choosers { get; private set; }

    /// <summary>Takes the queries [first, first + count) of all query heads of a key/value head.</summary>
    public void TakeQueries(int batch, int head, int first, int count)
    {
        int group = _call.Shape.GroupSize;
        Choosers = Math.Min(_representatives, count);
        _choosers.Clear();
        for (int member = 0; member < group; member++)
        {
            AddChoosers(_call.Queries(batch, head * group + member).Slice(first, count), 1f / group);
        }
    }

    /// <summary>Positions of the keys that are chosen among those before a position, ascending; valid until the next call.</summary>
    /// <param name="directions">The keys' norms.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="end">One beyond the last key to choose from.</param>
    /// <param name="selected">How many are chosen, fewer than are not removed.</param>
    public ReadOnlySpan<int> Best(KeyDirections directions, int batch, int head, int end, int selected)
    {
        if (_scores.Length < end)
        {
            _scores = new float[Math.Max(end, _scores.Length + _scores.Length / 2)];
        }
        if (_best.Length < selected)
        {
            _best = new int[selected];
        }
        Span<float> scores = _scores.AsSpan(0, end);
        RowMaxima.Of(_call.Options.Simd, _call.Keys(batch, head).Slice(0, end), _choosers.Pointer, Choosers, scores);
        TensorPrimitives.Multiply(scores, directions.InverseNorms(batch, head)[..end], scores);
        if (_call.HasLogWeights)
        {
            ReadOnlySpan<float> logWeights = _call.KeyLogWeights(batch, head);
            for (int key = 0; key < end; key++)
            {
                scores[key] = float.IsNegativeInfinity(logWeights[key]) ? float.NegativeInfinity : scores[key];
            }
        }
        TopIndices.Select(scores, _best.AsSpan(0, selected));
        return _best.AsSpan(0, selected);
    }

    public void Dispose() => _choosers.Dispose();

    /// <summary>Adds the unit queries of one head that are least like their mean, in that order, to the choosers.</summary>
    private void AddChoosers(MatrixView queries, float weight)
    {
        _mean.AsSpan().Clear();
        for (int i = 0; i < queries.Rows; i++)
        {
            TensorPrimitives.Add(_mean, queries.Row(i), _mean);
        }
        for (int i = 0; i < queries.Rows; i++)
        {
            float norm = TensorPrimitives.Norm<float>(queries.Row(i));
            // The mean's own norm and the count change no order.
            _cosines[i] = norm > 0 ? TensorPrimitives.Dot(queries.Row(i), _mean) / norm : 0;
            _order[i] = i;
        }
        Span<int> order = _order.AsSpan(0, queries.Rows);
        order.Sort((a, b) => _cosines[a] != _cosines[b] ? _cosines[a].CompareTo(_cosines[b]) : a.CompareTo(b));
        for (int rank = 0; rank < Choosers; rank++)
        {
            ReadOnlySpan<float> query = queries.Row(order[rank]);
            float norm = TensorPrimitives.Norm(query);
            var chooser = new Span<float>(_choosers.Pointer + (nint)rank * query.Length, query.Length);
            TensorPrimitives.MultiplyAdd(query, norm > 0 ? weight / norm : 0, chooser, chooser);
        }
    }
}
