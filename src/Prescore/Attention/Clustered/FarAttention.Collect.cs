using System.Runtime.Intrinsics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>Takes the keys that rows find in tiles of sketches.</summary>
internal unsafe interface IHitReceiver
{
    /// <summary>Takes a row's hits in a tile, at least one.</summary>
    /// <param name="row">The row.</param>
    /// <param name="radii">The tile's radii.</param>
    /// <param name="numbers">Numbers of the keys in their segment, in order of lanes.</param>
    /// <param name="products">Their products.</param>
    void Take(int row, float* radii, ReadOnlySpan<ushort> numbers, ReadOnlySpan<short> products);
}

// Keys with their products, for those who choose thresholds. Nothing is counted or attended.
internal sealed unsafe partial class FarAttention
{
    private const int TileRoom = 2 * SketchTile.Keys;

    private ushort* _tileNumbers;
    private short* _tileProducts;

    /// <summary>The keys of a cluster that pass the thresholds of some rows, tile by tile; the segment's sketches are set.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="cluster">The cluster's number in it.</param>
    /// <param name="row">The row; −1: all.</param>
    /// <param name="receiver">Receives them.</param>
    public void Collect(KeySegment segment, int cluster, int row, IHitReceiver receiver)
    {
        int first = row < 0 ? 0 : row / Lanes * Lanes, number = segment.FirstCluster + cluster;
        RowSketches rows = row < 0 ? _rows : _rows.Sixteen(first);
        for (int i = 0; i < Math.Min(rows.Rows, Rows - first); i++)
        {
            _sectionLogits[i] = CentroidLogit(first + i, number);
        }
        rows.SetLeast(_sectionLogits, _index.Centroids.MeanLogWeights[number]);
        SketchTiles tiles = segment.Tiles;
        for (int tile = tiles.First(cluster); tile >= 0; tile = tiles.Next(tile))
        {
            (int found, _) = rows.Reaching(tiles.Radii(tile), 0, tiles.Radii(tile), 0, _found, _otherFound);
            new Span<int>(_counts, rows.Rows).Clear();
            if (kernels.ScreenTile(tiles.At(tile), rank / 2, _found, found, rows.Sketches, _tileNumbers, TileRoom, _counts, _tileProducts) == 0)
            {
                continue;
            }
            for (int i = 0; i < found; i++)
            {
                int at = _found[i] >> 16;
                if (_counts[at] > 0 && (row < 0 || first + at == row))
                {
                    receiver.Take(
                        first + at, tiles.Radii(tile), new(_tileNumbers + at * TileRoom, _counts[at]), new(_tileProducts + at * TileRoom, _counts[at]));
                }
            }
        }
    }

    /// <summary>Least products of a row and a cluster for some thresholds, whole vectors of them, not rounded to 16 bits.</summary>
    public void LeastProducts(int row, int cluster, ReadOnlySpan<float> thresholds, Span<float> least)
    {
        float centre = CentroidLogit(row, cluster) + _index.Centroids.MeanLogWeights[cluster], perStep = _rows.PerSteps[row];
        for (int i = 0; i < thresholds.Length; i += Lanes)
        {
            Vector512.Ceiling((Vector512.Create(thresholds[i..]) - Vector512.Create(centre)) * perStep).CopyTo(least[i..]);
        }
    }

    /// <summary>Whether a least product is within the reach of a tile.</summary>
    public bool Reaches(int row, float* radii, float least) => _rows.Reaches(row, radii, least);

    /// <summary>Logits of some keys of a segment relative to a maximum; arrays have room behind the end as kernels ask for it.</summary>
    /// <param name="row">The row.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="numbers">Numbers of the keys.</param>
    /// <param name="count">How many.</param>
    /// <param name="maximum">What is subtracted.</param>
    /// <param name="scales">Receives two scales a key.</param>
    /// <param name="logits">Receives the logits.</param>
    /// <param name="running">Receives their running sums.</param>
    /// <returns>The largest logit.</returns>
    public float KeyLogits(int row, KeySegment segment, ushort* numbers, int count, float maximum, float* scales, float* logits, float* running)
    {
        var all = (long*)(_index.Store.Scales + 2 * (nint)segment.FirstKey);
        for (int i = 0; i < count; i++)
        {
            ((long*)scales)[i] = all[numbers[i]];
        }
        return kernels.SelectedLogits(
            numbers, count, _codes + (nint)row * _keyStride, _keyStride, _steps[row], maximum,
            _index.Store.Keys + (nint)segment.FirstKey * _keyStride, scales, logits, running);
    }

    /// <summary>sum += Σ weight · value of some keys of a segment; weights include the values' scales.</summary>
    public void AddValues(KeySegment segment, ushort* numbers, int count, float* weights, float* sum) =>
        kernels.AddSelected(numbers, count, weights, _index.Store.Values + (nint)segment.FirstKey * _valueStride, _valueStride, sum);
}
