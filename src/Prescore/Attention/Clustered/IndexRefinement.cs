using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Keeps a growing index well clustered without fitting it anew: new clusters start at keys drawn by how far they are from
/// their own centre, by distance and to the queries, then Lloyd steps in which a key looks only at its own and the nearest
/// other centres. A step costs n short rows of products instead of n·k, works in place on the packed keys, and moves only the
/// keys that change. Moves are found by parts, which may run on several threads, and then made.
/// </summary>
internal sealed class IndexRefinement(
    List<KeyCluster> clusters, Func<int, KeyCluster> newCluster, int dimension, RandomOrigin origin, SimdPath simd, SketchBasis basis)
{
    /// <summary>Centres a key is compared with, its own among them: a strip of register tiles.</summary>
    private const int Candidates = 24;

    /// <summary>Clusters whose moves are found by one part.</summary>
    private const int PartClusters = 32;

    /// <summary>Members that a new cluster has room for.</summary>
    private const int NewCapacity = 64;

    private float[] _means = [];
    private float[] _halfNorms = [];
    private int[] _neighbours = [];
    private int _perCluster;
    private List<(int Slot, int Target)>[] _moves = [];
    private long _products;

    /// <summary>Key·centroid and centroid·centroid products computed so far.</summary>
    public long Products => Interlocked.Read(ref _products);

    /// <summary>Number of parts of <see cref="FindMoves"/>.</summary>
    public int Parts => (clusters.Count + PartClusters - 1) / PartClusters;

    /// <summary>Adds clusters until there are <paramref name="wanted"/> and finds every centre's neighbours.</summary>
    public void Begin(int wanted)
    {
        AddClusters(wanted - clusters.Count);
        ReadMeans();
        FindNeighbours();
    }

    /// <summary>Finds the keys of one part's clusters that are nearer to a neighbour's centre.</summary>
    public void FindMoves(int part)
    {
        Span<float> candidates = stackalloc float[Candidates * dimension];
        using NativeBuffer products = NativeBuffer.Rent(Candidates * KeyRegion.ChunkKeys);
        int end = Math.Min(clusters.Count, (part + 1) * PartClusters);
        long count = 0;
        for (int cluster = part * PartClusters; cluster < end; cluster++)
        {
            MovesOf(cluster, candidates, products.Span, _moves[cluster]);
            count += (long)clusters[cluster].Count * (_perCluster + 1);
        }
        Interlocked.Add(ref _products, count);
    }

    /// <summary>Makes the moves that were found and returns how many; the next step starts from the new means.</summary>
    public int Apply()
    {
        int moved = 0;
        for (int c = 0; c < clusters.Count; c++)
        {
            // From the last slot on: what takes a freed slot is never one that still has to move.
            List<(int Slot, int Target)> moves = _moves[c];
            for (int i = moves.Count - 1; i >= 0; i--)
            {
                clusters[c].MoveTo(moves[i].Slot, clusters[moves[i].Target]);
            }
            moved += moves.Count;
        }
        ReadMeans();
        return moved;
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

    /// <summary>Systematic sampling by distance to the own centre: one uniform offset, equal marks on the running sum.</summary>
    private void AddClusters(int missing)
    {
        if (missing <= 0)
        {
            return;
        }
        int existing = clusters.Count;
        int total = clusters.Sum(cluster => cluster.Count);
        using NativeBuffer buffer = NativeBuffer.Rent(total + KeyRegion.ChunkKeys);
        double sum = Remoteness(buffer.Span, total);
        double step = sum / missing;
        double mark = step * origin.Uniform(RandomStream.IndexGrowth, total);
        double passed = 0;
        var chosen = new List<int>();
        int start = 0;
        for (int c = 0; c < existing; c++)
        {
            chosen.Clear();
            for (int slot = 0; slot < clusters[c].Count; slot++)
            {
                passed += buffer.Span[start + slot];
                if (passed > mark)
                {
                    chosen.Add(slot);
                    // A far outlier may cover several marks; it starts one cluster.
                    mark += step * Math.Ceiling((passed - mark) / step);
                }
            }
            start += clusters[c].Count;
            Split(clusters[c], chosen);
        }
    }

    private void Split(KeyCluster cluster, List<int> slots)
    {
        for (int i = slots.Count - 1; i >= 0 && cluster.Count > 1; i--)
        {
            KeyCluster added = newCluster(NewCapacity);
            cluster.MoveTo(slots[i], added);
            clusters.Add(added);
        }
    }

    /// <summary>
    /// How far every key is from its centre, cluster by cluster: its squared distance and the squared length of its sketch,
    /// each relative to the mean. Keys that queries tell from all others may lie near them: a few with short values on which
    /// most attention rests are the worst to have in clusters of others. Returns the sum.
    /// </summary>
    private double Remoteness(Span<float> remoteness, int total)
    {
        using NativeBuffer lengths = NativeBuffer.Rent(total);
        using NativeBuffer products = NativeBuffer.Rent((nint)basis.PaddedRank * KeyRegion.ChunkKeys);
        Span<float> mean = stackalloc float[dimension];
        double distances = 0, norms = 0;
        int start = 0;
        foreach (KeyCluster cluster in clusters)
        {
            cluster.MeanKey(mean);
            cluster.Region.SquaredDistances(mean, remoteness[start..]);
            Span<float> own = lengths.Span.Slice(start, cluster.Count);
            cluster.SketchLengths(basis, mean, products.Span, own);
            distances += TensorPrimitives.Sum<float>(remoteness.Slice(start, cluster.Count));
            norms += TensorPrimitives.Sum<float>(own);
            start += cluster.Count;
        }
        _products += start;
        if (norms > 0)
        {
            TensorPrimitives.MultiplyAdd(lengths.Span[..total], (float)(distances / norms), remoteness[..total], remoteness[..total]);
            return 2 * distances;
        }
        return distances;
    }

    private void ReadMeans()
    {
        int count = clusters.Count;
        if (_halfNorms.Length < count)
        {
            Array.Resize(ref _means, (count + count / 4) * dimension);
            Array.Resize(ref _halfNorms, count + count / 4);
            int known = _moves.Length;
            Array.Resize(ref _moves, count + count / 4);
            for (int c = known; c < _moves.Length; c++)
            {
                _moves[c] = [];
            }
        }
        for (int c = 0; c < count; c++)
        {
            // A cluster that lost all members keeps its centre until the end of the refinement.
            if (clusters[c].Count > 0)
            {
                Span<float> mean = _means.AsSpan(c * dimension, dimension);
                clusters[c].MeanKey(mean);
                _halfNorms[c] = TensorPrimitives.SumOfSquares<float>(mean) / 2;
            }
        }
    }

    /// <summary>The nearest other centres of every centre.</summary>
    private void FindNeighbours()
    {
        int count = clusters.Count;
        _perCluster = Math.Min(Candidates, count) - 1;
        if (_neighbours.Length < count * Candidates)
        {
            _neighbours = new int[(count + count / 4) * Candidates];
        }
        using PackedMatrix packed = PackedMatrix.Pack(_means.AsSpan(0, count * dimension), count, dimension, simd);
        using NativeBuffer buffer = NativeBuffer.Rent((nint)count * count);
        packed.Multiply(_means, dimension, count, buffer.Span, count, threads: 1);
        for (int c = 0; c < count; c++)
        {
            Span<float> scores = buffer.Span.Slice(c * count, count);
            TensorPrimitives.Subtract(scores, _halfNorms.AsSpan(0, count), scores);
            scores[c] = float.NegativeInfinity;
            TopIndices.Select(simd, scores, _neighbours.AsSpan(c * Candidates, _perCluster));
        }
        _products += (long)count * count;
    }

    /// <summary>The keys of a cluster that are nearer to a neighbour's centre, in order of slot; ties stay.</summary>
    private void MovesOf(int cluster, Span<float> candidates, Span<float> products, List<(int Slot, int Target)> moves)
    {
        moves.Clear();
        KeyRegion region = clusters[cluster].Region;
        ReadOnlySpan<int> neighbours = _neighbours.AsSpan(cluster * Candidates, _perCluster);
        Span<float> halfNorms = stackalloc float[Candidates];
        for (int i = 0; i <= neighbours.Length; i++)
        {
            int centre = i == 0 ? cluster : neighbours[i - 1];
            _means.AsSpan(centre * dimension, dimension).CopyTo(candidates[(i * dimension)..]);
            halfNorms[i] = _halfNorms[centre];
        }
        Span<int> best = stackalloc int[KeyRegion.ChunkKeys];
        for (int first = 0; first < region.Count; first += KeyRegion.ChunkKeys)
        {
            region.Products(candidates, first, products);
            int keys = Math.Min(KeyRegion.ChunkKeys, region.Count - first);
            ColumnMaximum.IndexOf(products, KeyRegion.ChunkKeys, keys, halfNorms[..(neighbours.Length + 1)], best);
            for (int key = 0; key < keys; key++)
            {
                if (best[key] > 0)
                {
                    moves.Add((first + key, neighbours[best[key] - 1]));
                }
            }
        }
    }
}
