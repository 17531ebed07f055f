using Prescore.Clustering;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Far keys that arrived one after the other, clustered among themselves, with a sketch basis of their own. The keys lie in
/// the head's <see cref="CodedKeys"/> and never move: a cluster is labels, means and tiles of sketches. While the segment is
/// the newest of its index, new keys join their nearest cluster; whenever it has grown enough, clusters are added and Lloyd
/// steps made; after that it never changes. Keys of other times would not fit its clusters: positions turn them (RoPE), so
/// that they lie beside the centres in directions that neither centres nor sketches know. Not safe for concurrent use.
/// </summary>
internal sealed class KeySegment : IDisposable
{
    /// <summary>Keys a segment may have: sketches number them in 16 bits.</summary>
    public const int MostKeys = 1 << 16;

    /// <summary>Keys of clusters whose selected keys are looked up together: their keys and values stay in the second-level cache.</summary>
    private const int SectionKeys = 4096;

    /// <summary>Clusters that are looked up together.</summary>
    public const int SectionClusters = 64;

    /// <summary>Keys a cluster that the first fit looks at.</summary>
    private const int SampleFactor = 16;

    /// <summary>A later segment is small at first: it grows by so many keys before it is worth a refinement.</summary>
    private const int LeastGrowth = 512;

    private readonly IndexSettings _settings;
    private readonly CodedKeys _store;
    private readonly CentroidSet _centroids;
    private readonly ClusterSums _sums;
    private readonly KeySketcher _sketcher;
    private ushort[] _labels = [];
    private int _countAtRefinement;

    /// <param name="settings">What it shares with all segments of its head.</param>
    /// <param name="store">All far keys of the head.</param>
    /// <param name="centroids">All clusters of the head; those of this segment come last.</param>
    /// <param name="firstKey">Number of keys in earlier segments.</param>
    /// <param name="basis">The sketch basis of the segment before, to start from.</param>
    public KeySegment(IndexSettings settings, CodedKeys store, CentroidSet centroids, int firstKey, SketchBasis? basis)
    {
        (_settings, _store, _centroids) = (settings, store, centroids);
        FirstKey = firstKey;
        FirstCluster = centroids.Count;
        Size = Math.Min(MostKeys - settings.Options.BlockSize, settings.Options.SegmentSize(firstKey));
        Tiles = new SketchTiles(settings.Options.SketchRank);
        _sums = new ClusterSums(store, firstKey);
        _sketcher = new KeySketcher(settings, store, firstKey, basis);
    }

    /// <summary>Number of keys in earlier segments.</summary>
    public int FirstKey { get; }

    /// <summary>Number of clusters in earlier segments.</summary>
    public int FirstCluster { get; }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>Number of keys from which on the next ones belong to a new segment.</summary>
    public int Size { get; }

    /// <summary>Number of clusters.</summary>
    public int Clusters { get; private set; }

    /// <summary>Sketches of the keys, by cluster.</summary>
    public SketchTiles Tiles { get; }

    /// <summary>What the sketches are made with.</summary>
    public SketchBasis? Basis => _sketcher.Basis;

    /// <summary>Ranges of clusters, each with at most <see cref="SectionClusters"/>, that are attended one after the other.</summary>
    public IReadOnlyList<KeySection> Sections { get; private set; } = [];

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => Tiles.Bytes + sizeof(ushort) * (long)_labels.Length + _sums.Bytes + _sketcher.Bytes + (Basis?.Bytes ?? 0);

    private bool RefinementDue => Count > _countAtRefinement
        && (Count >= Size
            || Count >= Math.Max(_settings.Options.RefitGrowth * _countAtRefinement, _countAtRefinement + Math.Min(FirstKey / 8, LeastGrowth)));

    private RandomOrigin Origin => new(_settings.Run.Seed, _settings.Run.Layer, _settings.Head, FirstKey);

    /// <summary>The store's next keys join.</summary>
    /// <param name="count">How many.</param>
    public void Join(int count)
    {
        int before = Count;
        Count += count;
        if (_labels.Length < Count)
        {
            Array.Resize(ref _labels, Math.Min(MostKeys, Math.Max(Count, Count + Count / 2)));
        }
        if (Clusters == 0)
        {
            FirstFit();
            Fitted();
            return;
        }
        Assign(before);
        if (RefinementDue)
        {
            _sums.Add(_labels.AsSpan(before, count), before, values: false);
            Refine(before);
            Fitted();
            return;
        }
        _sums.Add(_labels.AsSpan(before, count), before, values: true);
        _sums.UpdateMeans();
        SketchNew(before);
        UpdateCentroids();
        if (Count >= Size)
        {
            Complete();
        }
    }

    /// <summary>What only growing needs is given back.</summary>
    private void Complete()
    {
        _labels = [];
        _sums.Dispose();
        _sketcher.Complete();
    }

    public void Dispose()
    {
        Tiles.Dispose();
        _sums.Dispose();
    }

    /// <summary>k-means on evenly spaced keys.</summary>
    private void FirstFit()
    {
        int wanted = _settings.Options.ClustersFor(FirstKey, Count);
        int sampled = Math.Min(Count, SampleFactor * wanted);
        var sample = new float[sampled * _settings.Dimension];
        for (int i = 0; i < sampled; i++)
        {
            _store.ReadKey(FirstKey + (int)((long)i * Count / sampled), sample.AsSpan(i * _settings.Dimension, _settings.Dimension));
        }
        using ClusterFit fit = KMeans.Fit(
            new KeyMatrix { Values = sample, Count = sampled, Dimension = _settings.Dimension },
            wanted, Origin, new int[sampled], _settings.Options.FitSteps, _settings.Run.Simd);
        Clusters = fit.Centres.Count;
        Products += fit.Products;
        _sums.Clear(Clusters);
        Assign(fit.Centres, 0, sum: true);
    }

    /// <summary>New clusters start at keys drawn by remoteness, then every key looks for its nearest centre, some times.</summary>
    private void Refine(int firstNew)
    {
        _sums.UpdateMeans();
        _sketcher.Measure(_labels.AsSpan(0, Count), _sums.Means, firstNew);
        AddClusters(_settings.Options.ClustersFor(FirstKey, Count) - Clusters);
        for (int step = 0; step < _settings.Options.FitSteps; step++)
        {
            using CentreSet centres = new(_sums.Means, Clusters, _settings.Dimension, _settings.Run.Simd);
            _sums.Clear(Clusters, keepMeans: true);
            Assign(centres, 0, sum: true);
            _sums.UpdateMeans();
        }
    }

    /// <summary>Takes note of a new clustering.</summary>
    private void Fitted()
    {
        _countAtRefinement = Count;
        Clusters = _sums.DropEmpty(Clusters, _labels.AsSpan(0, Count));
        _sums.SumValues(_labels.AsSpan(0, Count));
        _sums.UpdateMeans();
        _sketcher.Fit(_labels.AsSpan(0, Count), _sums.Means, Clusters);
        _sketcher.SketchAll(_labels.AsSpan(0, Count), _sums.Means, Clusters, Tiles);
        _centroids.Resize(FirstCluster, FirstCluster + Clusters);
        UpdateCentroids();
        if (Count >= Size)
        {
            Complete();
        }
    }

    /// <summary>Labels keys from <paramref name="first"/> on with the nearest cluster.</summary>
    private void Assign(int first)
    {
        using CentreSet centres = new(_sums.Means, Clusters, _settings.Dimension, _settings.Run.Simd);
        Assign(centres, first, sum: false);
    }

    private void Assign(CentreSet centres, int first, bool sum)
    {
        int dimension = _settings.Dimension;
        Span<int> labels = stackalloc int[KeySketcher.ChunkKeys];
        using NativeBuffer rows = NativeBuffer.Rent(KeySketcher.ChunkKeys * dimension);
        for (; first < Count; first += KeySketcher.ChunkKeys)
        {
            int count = Math.Min(KeySketcher.ChunkKeys, Count - first);
            Span<float> keys = rows.Span[..(count * dimension)];
            _store.ReadKeys(FirstKey + first, count, keys);
            centres.Assign(new KeyMatrix { Values = keys, Count = count, Dimension = dimension }, labels[..count]);
            for (int i = 0; i < count; i++)
            {
                _labels[first + i] = (ushort)labels[i];
                if (sum)
                {
                    _sums.AddKey(labels[i], first + i, keys.Slice(i * dimension, dimension));
                }
            }
            Products += (long)count * centres.Count;
        }
    }

    /// <summary>Systematic sampling by remoteness: one uniform offset, equal marks on the running sum.</summary>
    private void AddClusters(int missing)
    {
        if (missing <= 0)
        {
            return;
        }
        using NativeBuffer buffer = NativeBuffer.Rent(Count);
        Span<float> remoteness = buffer.Span[..Count];
        double sum = _sketcher.Remoteness(remoteness);
        double step = sum / missing;
        double mark = step * Origin.Uniform(RandomStream.IndexGrowth, Count);
        double passed = 0;
        for (int key = 0; key < Count; key++)
        {
            passed += remoteness[key];
            if (!(passed > mark))
            {
                continue;
            }
            // A far outlier may cover several marks; it starts one cluster.
            mark += step * Math.Ceiling((passed - mark) / step);
            if (_sums.StartCluster(_labels[key], Clusters, key))
            {
                _labels[key] = (ushort)Clusters++;
            }
        }
        _sums.UpdateMeans();
    }

    private void SketchNew(int first)
    {
        _sketcher.SketchNew(_labels.AsSpan(0, Count), _sums.Means, first, Tiles);
        SetSections();
    }

    private void UpdateCentroids()
    {
        Span<float> value = stackalloc float[_settings.ValueDimension];
        for (int c = 0; c < Clusters; c++)
        {
            if (_sums.TakeChanged(c))
            {
                _sums.MeanValue(c, value);
                _centroids.Set(FirstCluster + c, _sums.Mean(c), value, _sums.Selected(c), _sums.LogWeight(c), _settings.Weighted);
            }
        }
        SetSections();
    }

    private void SetSections()
    {
        int wanted = Math.Max(1, (Count + SectionKeys / 2) / SectionKeys), each = (Count + wanted - 1) / wanted;
        var sections = new List<KeySection>();
        for (int from = 0, to; from < Clusters; from = to)
        {
            int keys = 0;
            for (to = from; to < Clusters && keys < each && to - from < SectionClusters; to++)
            {
                keys += Tiles.Size(to);
            }
            sections.Add(new KeySection(from, to - from, keys));
        }
        Sections = sections;
    }
}

/// <summary>Clusters of a segment that are attended together.</summary>
/// <param name="First">Number of the first in its segment.</param>
/// <param name="Clusters">How many they are.</param>
/// <param name="Keys">Their keys.</param>
internal readonly record struct KeySection(int First, int Clusters, int Keys);
