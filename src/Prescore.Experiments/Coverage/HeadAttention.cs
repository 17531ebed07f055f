using System.Numerics.Tensors;

namespace Prescore.Experiments.Coverage;

/// <summary>
/// Exact attention of the later queries of one head, and what choices of far keys hold of it. A query's far keys are those
/// that it sees and that are neither among the sinks nor in its window.
/// </summary>
internal sealed class HeadAttention
{
    private readonly int _first;
    private readonly int _count;
    private readonly float[] _weights;

    /// <summary>Computes the attention.</summary>
    /// <param name="queries">Queries [n, d].</param>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="dimension">Size d.</param>
    /// <param name="scale">Factor of query-key products.</param>
    /// <param name="first">First query that counts.</param>
    public HeadAttention(ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, int dimension, float scale, int first)
    {
        (_first, _count) = (first, keys.Length / dimension);
        _weights = new float[(long)(_count - first) * _count];
        for (int query = first; query < _count; query++)
        {
            Span<float> row = Row(query)[..(query + 1)];
            ReadOnlySpan<float> own = queries.Slice(query * dimension, dimension);
            for (int key = 0; key <= query; key++)
            {
                row[key] = scale * TensorPrimitives.Dot(own, keys.Slice(key * dimension, dimension));
            }
            TensorPrimitives.Subtract(row, TensorPrimitives.Max<float>(row), row);
            TensorPrimitives.Exp(row, row);
            TensorPrimitives.Divide(row, TensorPrimitives.Sum<float>(row), row);
            FarMass += TensorPrimitives.Sum<float>(Far(query));
            CountHeavy(query);
        }
    }

    /// <summary>Number of queries.</summary>
    public int Queries => _count - _first;

    /// <summary>Sum of all queries' attention on far keys.</summary>
    public double FarMass { get; private set; }

    /// <summary>Heavy far keys of all queries, a threshold each.</summary>
    public long[] Heavy { get; } = new long[Covered.Thresholds.Length];

    /// <summary>What a set holds that all queries share.</summary>
    public Covered By(KeySet set) => By(_ => set);

    /// <summary>What each query's own best <paramref name="size"/> keys hold.</summary>
    public Covered ByOwnBest(int size)
    {
        var covered = new Covered();
        for (int query = _first; query < _count; query++)
        {
            float[] far = Far(query).ToArray();
            Array.Sort(far);
            Add(covered, far.AsSpan(Math.Max(0, far.Length - size)));
        }
        return covered;
    }

    /// <summary>What the best set of <paramref name="size"/> keys holds that a number of consecutive queries share.</summary>
    public Covered ByBestOf(int queries, int size)
    {
        var sets = new KeySet[(Queries + queries - 1) / queries];
        var sums = new float[_count];
        for (int i = 0; i < sets.Length; i++)
        {
            sums.AsSpan().Clear();
            for (int query = _first + i * queries; query < Math.Min(_count, _first + (i + 1) * queries); query++)
            {
                ReadOnlySpan<float> far = Far(query);
                TensorPrimitives.Add(sums.AsSpan(CoverageSettings.Sinks, far.Length), far, sums.AsSpan(CoverageSettings.Sinks, far.Length));
            }
            sets[i] = new KeySet(LargestBeyondSinks(sums, size), _count);
        }
        return By(query => sets[(query - _first) / queries]);
    }

    /// <summary>What the <paramref name="size"/> far keys before a query's window hold: a longer window.</summary>
    public Covered ByLongerWindow(int size)
    {
        var covered = new Covered();
        for (int query = _first; query < _count; query++)
        {
            ReadOnlySpan<float> far = Far(query);
            Add(covered, far[Math.Max(0, far.Length - size)..]);
        }
        return covered;
    }

    private Covered By(Func<int, KeySet> setOf)
    {
        var covered = new Covered();
        for (int query = _first; query < _count; query++)
        {
            KeySet set = setOf(query);
            ReadOnlySpan<float> far = Far(query);
            foreach (int key in set.Keys)
            {
                int place = key - CoverageSettings.Sinks;
                if (place >= far.Length)
                {
                    break;
                }
                Add(covered, far.Slice(place, 1));
            }
        }
        return covered;
    }

    private static void Add(Covered covered, ReadOnlySpan<float> weights)
    {
        foreach (float weight in weights)
        {
            covered.Mass += weight;
            for (int i = 0; i < Covered.Thresholds.Length && weight >= Covered.Thresholds[i]; i++)
            {
                covered.Heavy[i]++;
            }
        }
    }

    private void CountHeavy(int query)
    {
        foreach (float weight in Far(query))
        {
            for (int i = 0; i < Covered.Thresholds.Length && weight >= Covered.Thresholds[i]; i++)
            {
                Heavy[i]++;
            }
        }
    }

    private Span<float> Row(int query) => _weights.AsSpan((query - _first) * _count, _count);

    /// <summary>The weights of the far keys, the first of which is the one after the sinks.</summary>
    private Span<float> Far(int query)
    {
        int end = query + 1 - CoverageSettings.Window;
        return end <= CoverageSettings.Sinks ? [] : Row(query)[CoverageSettings.Sinks..end];
    }

    /// <summary>The places of the largest values behind the sinks.</summary>
    private static int[] LargestBeyondSinks(float[] values, int count)
    {
        float[] sorted = values[CoverageSettings.Sinks..];
        int[] places = [.. Enumerable.Range(CoverageSettings.Sinks, sorted.Length)];
        Array.Sort(sorted, places);
        return places[^Math.Min(count, places.Length)..];
    }
}
