using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Keeps a growing index well clustered without fitting it anew: new clusters start at keys drawn by squared distance to
/// their own centre, then Lloyd steps in which a key looks only at its own and the nearest other centres. A step costs n
/// short rows of products instead of n·k, works in place on the packed keys, and moves only the keys that change.
/// </summary>
internal sealed class IndexRefinement(
    List<KeyCluster> clusters, Func<int, KeyCluster> newCluster, int dimension, AttentionOptions run, int head)
{
    /// <summary>Centres a key is compared with, its own among them: two register tiles of rows.</summary>
    private const int Candidates = 48;

    private const int TileRows = 6;

    private readonly float[] _products = new float[Candidates * KeyRegion.ChunkKeys];
    private float[] _means = [];
    private float[] _halfNorms = [];
    private int _count;

    /// <summary>Key·centroid and centroid·centroid products computed so far.</summary>
    public long Products { get; private set; }

    /// <summary>Adds clusters until there are <paramref name="wanted"/>, then takes <paramref name="steps"/> steps.</summary>
    public void Refine(int wanted, int steps)
    {
        AddClusters(wanted - clusters.Count);
        for (int step = 0; step < steps; step++)
        {
            if (Step() == 0)
            {
                return;
            }
        }
    }

    /// <summary>Removes clusters without members.</summary>
    public static void DropEmpty(List<KeyCluster> clusters)
    {
        for (int c = clusters.Count - 1; c >= 0; c--)
        {
            if (clusters[c].Count == 0)
            {
                clusters[c].Dispose();
                clusters.RemoveAt(c);
            }
        }
    }

    /// <summary>Systematic sampling by squared distance to the own centre: one uniform offset, equal marks on the running sum.</summary>
    private void AddClusters(int missing)
    {
        if (missing <= 0)
        {
            return;
        }
        ReadMeans();
        float[][] distances = [.. Enumerable.Range(0, _count).Select(SquaredDistances)];
        double total = distances.Sum(cluster => (double)TensorPrimitives.Sum<float>(cluster));
        double offset = new RandomOrigin(run.Seed, run.Layer, head, 0).Uniform(RandomStream.IndexGrowth, clusters.Sum(cluster => cluster.Count));
        double mark = offset * total / missing;
        double passed = 0;
        for (int c = 0; c < distances.Length; c++)
        {
            var chosen = new List<int>();
            for (int slot = 0; slot < distances[c].Length; slot++)
            {
                passed += distances[c][slot];
                if (passed > mark)
                {
                    chosen.Add(slot);
                    // A far outlier may cover several marks; it starts one cluster.
                    mark += total / missing * Math.Ceiling((passed - mark) / (total / missing));
                }
            }
            for (int i = chosen.Count - 1; i >= 0 && clusters[c].Count > 1; i--)
            {
                KeyCluster added = newCluster(2 * KeyRegion.ChunkKeys / 8);
                clusters[c].MoveTo(chosen[i], added);
                clusters.Add(added);
            }
        }
    }

    /// <summary>One Lloyd step among neighbours; returns the number of keys that moved.</summary>
    private int Step()
    {
        ReadMeans();
        int[] neighbours = Neighbours(out int perCluster);
        var moves = new List<(int Slot, int Target)>[_count];
        for (int c = 0; c < _count; c++)
        {
            moves[c] = MovesOf(c, neighbours.AsSpan(c * perCluster, perCluster));
        }
        int moved = 0;
        for (int c = 0; c < _count; c++)
        {
            // From the last slot on: what takes a freed slot is never one that still has to move.
            for (int i = moves[c].Count - 1; i >= 0; i--)
            {
                clusters[c].MoveTo(moves[c][i].Slot, clusters[moves[c][i].Target]);
            }
            moved += moves[c].Count;
        }
        DropEmpty(clusters);
        return moved;
    }

    private void ReadMeans()
    {
        _count = clusters.Count;
        if (_halfNorms.Length < _count)
        {
            _means = new float[(_count + _count / 4) * dimension];
            _halfNorms = new float[_count + _count / 4];
        }
        for (int c = 0; c < _count; c++)
        {
            Span<float> mean = _means.AsSpan(c * dimension, dimension);
            clusters[c].MeanKey(mean);
            _halfNorms[c] = TensorPrimitives.SumOfSquares<float>(mean) / 2;
        }
    }

    private float[] SquaredDistances(int cluster)
    {
        KeyRegion region = clusters[cluster].Region;
        var distances = new float[region.Count];
        Span<float> rows = stackalloc float[TileRows * dimension];
        _means.AsSpan(cluster * dimension, dimension).CopyTo(rows);
        Span<float> key = stackalloc float[dimension];
        for (int first = 0; first < region.Count; first += KeyRegion.ChunkKeys)
        {
            region.Products(rows, first, _products);
            for (int slot = first; slot < Math.Min(region.Count, first + KeyRegion.ChunkKeys); slot++)
            {
                region.ReadKey(slot, key);
                distances[slot] = Math.Max(0, TensorPrimitives.SumOfSquares<float>(key) - 2 * (_products[slot - first] - _halfNorms[cluster]));
            }
        }
        Products += region.Count;
        return distances;
    }

    /// <summary>The nearest other centres of every centre.</summary>
    private int[] Neighbours(out int perCluster)
    {
        perCluster = Math.Min(Candidates, _count) - 1;
        var neighbours = new int[_count * perCluster];
        if (perCluster == 0)
        {
            return neighbours;
        }
        using PackedMatrix packed = PackedMatrix.Pack(_means, _count, dimension, run.Simd);
        var scores = new float[_count];
        for (int c = 0; c < _count; c++)
        {
            packed.Multiply(_means.AsSpan(c * dimension, dimension), dimension, 1, scores, _count, threads: 1);
            TensorPrimitives.Subtract(scores, _halfNorms.AsSpan(0, _count), scores);
            scores[c] = float.NegativeInfinity;
            TopIndices.Select(run.Simd, scores, neighbours.AsSpan(c * perCluster, perCluster));
        }
        Products += (long)_count * _count;
        return neighbours;
    }

    /// <summary>The keys of a cluster that are nearer to a neighbour's centre, in order of slot.</summary>
    private List<(int Slot, int Target)> MovesOf(int cluster, ReadOnlySpan<int> neighbours)
    {
        var moves = new List<(int, int)>();
        KeyRegion region = clusters[cluster].Region;
        Span<float> rows = stackalloc float[Candidates * dimension];
        rows.Clear();
        Span<float> halfNorms = stackalloc float[neighbours.Length + 1];
        for (int i = 0; i <= neighbours.Length; i++)
        {
            int centre = i == 0 ? cluster : neighbours[i - 1];
            _means.AsSpan(centre * dimension, dimension).CopyTo(rows[(i * dimension)..]);
            halfNorms[i] = _halfNorms[centre];
        }
        for (int first = 0; first < region.Count; first += KeyRegion.ChunkKeys)
        {
            region.Products(rows, first, _products);
            int keys = Math.Min(KeyRegion.ChunkKeys, region.Count - first);
            for (int key = 0; key < keys; key++)
            {
                int best = Best(key, halfNorms);
                if (best > 0)
                {
                    moves.Add((first + key, neighbours[best - 1]));
                }
            }
        }
        Products += (long)region.Count * (neighbours.Length + 1);
        return moves;
    }

    /// <summary>Which candidate is nearest to a key of the current chunk: the largest x·c − ‖c‖²/2; ties stay.</summary>
    private int Best(int key, ReadOnlySpan<float> halfNorms)
    {
        int best = 0;
        float highest = _products[key] - halfNorms[0];
        for (int i = 1; i < halfNorms.Length; i++)
        {
            float score = _products[i * KeyRegion.ChunkKeys + key] - halfNorms[i];
            if (score > highest)
            {
                (best, highest) = (i, score);
            }
        }
        return best;
    }
}
