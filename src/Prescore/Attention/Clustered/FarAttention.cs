using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Some rows of a <see cref="QueryBlock"/> attend the far part of their key/value head. Every cluster is a term of their
/// softmax (<see cref="Begin"/>); keys that pass a row's threshold by their sketch become terms of their own, and their
/// cluster's term is that of what they leave (<see cref="Attend"/>). By segment and section of clusters: all rows screen
/// a tile of sketches after the other, keys found go to a list a row, and what follows goes by row, in groups
/// (<c>FarAttention.Finish.cs</c>). A row's bits do not depend on the rows beside it. Queries are rounded to 16-bit codes
/// once, and all of the far part is attended by the rounded ones. Memory is kept from one call to the next. Not safe for
/// concurrent use.
/// </summary>
internal sealed unsafe partial class FarAttention(ClusteredKernels kernels, int capacity, int dimension, int valueDimension, int rank) : IDisposable
{
    private const int Lanes = 16;
    private const int SectionClusters = KeySegment.SectionClusters;

    /// <summary>Floats of a row of one section's clusters: readable up to whole vectors.</summary>
    private const int SectionStride = SectionClusters + Lanes;

    private readonly int _capacity = (capacity + Lanes - 1) / Lanes * Lanes + Lanes;
    private readonly int _keyStride = CodedKeys.Padded(dimension);
    private readonly int _valueStride = CodedKeys.Padded(valueDimension);
    private readonly int _queryLevels = ShortCodes.QueryLevels(dimension);
    private NativeBuffer? _memory;
    private int _clusters;
    private int _sectionKeys;
    private KeyIndex _index = null!;
    private RowStates _states;
    private int _first;
    private int _padded;

    // A number, or more, a row.
    private RowSketches _rows;
    private short* _codes;
    private float* _rounded;
    private float* _steps;
    private float* _coordinates;
    private float* _masses;
    private int* _selected;
    private int* _counts;

    // Found rows of a tile.
    private int* _found;
    private int* _otherFound;

    // [rows, clusters], and of a section transposed.
    private float* _logits;
    private nint _logitStride;
    private float* _sectionLogits;

    // Of a section.
    private ushort* _lists;
    private nint _listStride;
    private int* _endsByCluster;
    private int* _ends;
    private float* _rests;

    /// <summary>Number of rows.</summary>
    public int Rows { get; private set; }

    /// <summary>Queries as they were rounded [rows, d], dense.</summary>
    public ReadOnlySpan<float> Queries => new(_rounded, Rows * dimension);

    /// <summary>Log-sum-exp of what a row had attended before and of all clusters.</summary>
    public float LogMass(int row) => _masses[row];

    /// <summary>Keys that a row has attended as selected keys.</summary>
    public int Selected(int row) => _selected[row];

    /// <summary>Keys that a row has compared sketches with.</summary>
    public int Screened(int row) => _rows.Screened[row];

    /// <summary>scale·q·μ of a row and a cluster.</summary>
    public float CentroidLogit(int row, int cluster) => _logits[row * _logitStride + cluster];

    /// <summary>Logit of one unit of a row's sketch products, in the segment that is set; near 0 where it has no sketch.</summary>
    public float SketchStep(int row) => 1 / _rows.PerSteps[row];

    /// <summary>
    /// Takes rows [first, first + count) of a block, which have attended the near part, and the logits of all clusters; the
    /// rows' maxima become those with the clusters. No row has a threshold yet.
    /// </summary>
    public void Begin(QueryBlock block, KeyIndex index, int first, int count)
    {
        Reserve(index);
        (_index, _states, _first, Rows) = (index, block.States, first, count);
        _rows.Rows = _padded = (count + Lanes - 1) / Lanes * Lanes;
        for (int row = 0; row < count; row++)
        {
            Round(row);
        }
        // Rows of the last register tile that are not there.
        new Span<float>(_rounded + count * dimension, ClusteredKernels.TileRows * dimension).Clear();
        SetCentroidLogits();
        for (int row = 0; row < count; row++)
        {
            SetMass(row);
        }
        new Span<float>(_rows.Thresholds, _padded).Fill(float.PositiveInfinity);
        new Span<float>(_rows.PerSteps + count, _padded - count).Fill(1);
        new Span<int>(_rows.Screened, _padded).Clear();
        new Span<int>(_selected, _padded).Clear();
    }

    /// <summary>
    /// Has a row attend exactly the keys whose screened logit (their cluster's, its mean log-weight and the product of
    /// sketches) is at least <paramref name="threshold"/>, where that is within their tile's reach.
    /// </summary>
    public void SetThreshold(int row, float threshold) => _rows.Thresholds[row] = threshold;

    /// <summary>All rows attend all clusters and the selected keys that pass their thresholds.</summary>
    public void Attend()
    {
        foreach (KeySegment segment in _index.Segments)
        {
            SetSketches(segment, 0, Rows);
            foreach (KeySection section in segment.Sections)
            {
                Screen(segment, section);
                Finish(segment, section);
            }
        }
    }

    /// <summary>Sets the sketches of some rows for the keys of a segment.</summary>
    public void SetSketches(KeySegment segment, int first, int count)
    {
        SketchBasis basis = segment.Basis!;
        int stride = basis.Stride;
        basis.QueryCoordinates(new ReadOnlySpan<float>(_rounded + first * dimension, count * dimension), new Span<float>(_coordinates, count * stride));
        _rows.Set(first, count, _coordinates, stride);
    }

    public void Dispose() => _memory?.Dispose();

    /// <summary>Codes of a row's query, and the query that they stand for.</summary>
    private void Round(int row)
    {
        var query = new ReadOnlySpan<float>(_states.Queries + (_first + row) * _states.QueryStride, dimension);
        float step = ShortCodes.LargestMagnitude(query) / _queryLevels;
        var codes = new Span<short>(_codes + (nint)row * _keyStride, _keyStride);
        ShortCodes.Encode(query, step, _queryLevels, codes);
        ShortCodes.Decode(codes, step, new Span<float>(_rounded + row * dimension, dimension));
        _steps[row] = step;
    }

    /// <summary>Register tiles of rows against all mean keys.</summary>
    private void SetCentroidLogits()
    {
        int clusters = _index.Clusters, width = kernels.PanelWidth;
        for (int column = 0; column < clusters; column += width)
        {
            for (int row = 0; row < Rows; row += ClusteredKernels.TileRows)
            {
                kernels.Multiply(
                    _rounded + row * dimension, dimension, _index.Centroids.Keys + (nint)column * dimension, dimension,
                    _logits + row * _logitStride + column, _logitStride, false);
            }
        }
    }

    /// <summary>A row's log-sum-exp with the clusters; what it has attended becomes relative to its new maximum.</summary>
    private void SetMass(int row)
    {
        int clusters = _index.Clusters, at = _first + row;
        float* logits = _logits + row * _logitStride;
        new Span<float>(logits + clusters, Lanes).Clear();
        float maximum = _states.Maxima[at];
        _masses[row] = ClusterTerms.LogSumExp(logits, _index.Centroids.LogWeights, clusters, ref maximum, _states.Sums[at]);
        Raise(row, maximum);
    }

    /// <summary>Makes a row's sum and output relative to a higher maximum.</summary>
    private void Raise(int row, float maximum)
    {
        int at = _first + row;
        if (maximum > _states.Maxima[at])
        {
            float shrink = MathF.Exp(_states.Maxima[at] - maximum);
            _states.Sums[at] *= shrink;
            var output = new Span<float>(_states.Outputs + at * _states.OutputStride, (int)_states.OutputStride);
            System.Numerics.Tensors.TensorPrimitives.Multiply(output, shrink, output);
            _states.Maxima[at] = maximum;
        }
    }

    /// <summary>All rows screen the clusters of a section; afterwards <see cref="_ends"/> has where each cluster's keys end in a row's list.</summary>
    private void Screen(KeySegment segment, KeySection section)
    {
        int first = segment.FirstCluster + section.First;
        TransposeLogits(first, section.Clusters);
        new Span<int>(_counts, _padded).Clear();
        for (int j = 0; j < section.Clusters; j++)
        {
            _rows.SetLeast(_sectionLogits + j * (nint)_capacity, _index.Centroids.MeanLogWeights[first + j]);
            ScreenCluster(segment, section.First + j);
            new ReadOnlySpan<int>(_counts, _padded).CopyTo(new Span<int>(_endsByCluster + j * (nint)_capacity, _padded));
        }
        float** eight = stackalloc float*[8];
        for (int j = 0; j < section.Clusters; j += 8)
        {
            for (int i = 0; i < 8; i++)
            {
                eight[i] = (float*)(_endsByCluster + Math.Min(j + i, section.Clusters - 1) * (nint)_capacity);
            }
            Transpose.Eight(eight, _padded, (float*)_ends + Lanes + j, Lanes + SectionStride);
        }
    }

    /// <summary>Logits of some clusters, those of one cluster side by side.</summary>
    private void TransposeLogits(int first, int clusters)
    {
        float** eight = stackalloc float*[8];
        for (int row = 0; row < Rows; row += 8)
        {
            for (int i = 0; i < 8; i++)
            {
                eight[i] = _logits + Math.Min(row + i, Rows - 1) * _logitStride + first;
            }
            Transpose.Eight(eight, clusters, _sectionLogits + row, _capacity);
        }
    }

    private void ScreenCluster(KeySegment segment, int cluster)
    {
        SketchTiles tiles = segment.Tiles;
        for (int tile = tiles.First(cluster); tile >= 0;)
        {
            int second = tiles.Next(tile), next = second < 0 ? -1 : tiles.Next(second);
            int ahead = next >= 0 ? next : tiles.First(Math.Min(cluster + 1, segment.Clusters - 1));
            FetchTile(tiles.At(second >= 0 ? second : ahead), rank);
            (int found, int otherFound) = _rows.Reaching(
                tiles.Radii(tile), tiles.Present(tile), tiles.Radii(second < 0 ? tile : second), second < 0 ? 0 : tiles.Present(second), _found, _otherFound);
            ScreenTile(segment, tile, _found, found);
            if (second >= 0)
            {
                FetchTile(tiles.At(ahead), rank);
                ScreenTile(segment, second, _otherFound, otherFound);
            }
            tile = next;
        }
    }

    private void ScreenTile(KeySegment segment, int tile, int* found, int count)
    {
        if (count == 0)
        {
            return;
        }
        kernels.ScreenTile(segment.Tiles.At(tile), rank / 2, found, count, _rows.Sketches, _lists, _listStride, _counts, null);
    }

    /// <summary>Fetches a tile into the first-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchTile(byte* tile, int rank)
    {
        if (Sse.IsSupported)
        {
            for (int line = 0; line < SketchTile.Bytes(rank); line += 64)
            {
                Sse.Prefetch0(tile + line);
            }
        }
    }

    /// <summary>Makes room for an index.</summary>
    private void Reserve(KeyIndex index)
    {
        int sectionKeys = 0;
        foreach (KeySegment segment in index.Segments)
        {
            foreach (KeySection section in segment.Sections)
            {
                sectionKeys = Math.Max(sectionKeys, section.Keys);
            }
        }
        if (index.Clusters <= _clusters && sectionKeys <= _sectionKeys)
        {
            return;
        }
        _clusters = Math.Max(_clusters, index.Clusters + index.Clusters / 2 + SectionClusters);
        _sectionKeys = Math.Max(_sectionKeys, sectionKeys + sectionKeys / 4);
        _memory?.Dispose();
        var measured = new ScratchLayout(0);
        LayOut(ref measured);
        // Also what lies behind the ends of rows and lists is read, and must be numbers.
        _memory = NativeBuffer.AllocateZeros(measured.Used / sizeof(float));
        var layout = new ScratchLayout((nint)_memory.Pointer);
        LayOut(ref layout);
    }

    private void LayOut(ref ScratchLayout memory)
    {
        nint rows = _capacity, all = _capacity + ClusteredKernels.TileRows;
        _rows = new RowSketches
        {
            Rank = rank,
            Stride = rows,
            Thresholds = memory.Take<float>(rows),
            PerSteps = memory.Take<float>(rows),
            Bands = memory.Take<float>(RowSketches.BandRows * rows),
            Least = memory.Take<float>(rows),
            Packed = memory.Take<int>(rows),
            Screened = memory.Take<int>(rows),
            Sketches = memory.Take<byte>(rows * SketchTile.QueryBytes(rank) + 64),
        };
        _codes = memory.Take<short>(rows * _keyStride);
        _rounded = memory.Take<float>(all * dimension);
        _steps = memory.Take<float>(rows);
        _coordinates = memory.Take<float>(rows * SketchTile.LargestRank);
        _masses = memory.Take<float>(rows);
        _selected = memory.Take<int>(rows);
        _counts = memory.Take<int>(rows);
        _found = memory.Take<int>(rows + Lanes);
        _otherFound = memory.Take<int>(rows + Lanes);
        _logitStride = (_clusters + 63) / 64 * 64 + 80;
        _logits = memory.Take<float>(all * _logitStride);
        _sectionLogits = memory.Take<float>((SectionClusters + 8) * rows);
        _endsByCluster = memory.Take<int>((SectionClusters + 8) * rows);
        _ends = memory.Take<int>(rows * (Lanes + SectionStride));
        _rests = memory.Take<float>(all * SectionStride);
        _listStride = ((_sectionKeys + 2 * SketchTile.Keys) / 32 | 1) * 32;
        _lists = memory.Take<ushort>(rows * _listStride);
        _tileNumbers = memory.Take<ushort>(rows * TileRoom);
        _tileProducts = memory.Take<short>(rows * TileRoom);
        LayOutGroup(ref memory);
    }
}
