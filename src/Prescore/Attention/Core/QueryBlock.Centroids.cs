using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>Every cluster as one term of a row's softmax.</summary>
internal abstract unsafe partial class QueryBlock
{
    /// <summary>
    /// Rows [first, first + count) attend every cluster as one term with logit scale·q·μ + ln W and its mean value. The
    /// logits of the mean keys are kept for screening.
    /// </summary>
    public abstract void AttendCentroids(CentroidSet centroids, int first, int count);

    /// <summary>Log-sum-exp of what a row has attended so far.</summary>
    public abstract float LogSumExp(int row);

    /// <summary>scale·q·μ of a row that has attended the centroids.</summary>
    public abstract float CentroidLogit(int row, int cluster);
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    /// <summary>Rows whose logits are transposed at a time.</summary>
    private const int TransposedRows = 8;

    private NativeBuffer? _centroidLogits;
    private NativeBuffer? _centroidWeights;
    private nint _centroidStride;
    private nint _logitStride;

    public override void AttendCentroids(CentroidSet centroids, int first, int count)
    {
        ReserveCentroids(centroids.Count);
        ((KeyRegion<TKernel>)centroids.Means).Chunk(0, null, out float* keys, out float* values, out nint valueStride);
        float* weights = _centroidWeights!.Pointer;
        for (int start = 0; start < count; start += StripRows)
        {
            int rows = Math.Min(StripRows, count - start);
            int tiles = (rows + TileRows - 1) / TileRows;
            StripLogits(keys, first + start, tiles, weights, _centroidStride);
            KeepLogits(weights, centroids.Count, first + start, rows);
            for (int i = 0; i < tiles * TileRows; i++)
            {
                float* row = weights + i * _centroidStride;
                if (i >= rows)
                {
                    new Span<float>(row, (int)_centroidStride).Clear();
                    continue;
                }
                int at = first + start + i;
                SoftmaxRow(row, centroids.Count, centroids.LogWeights, _outputs + at * _outputStride, _maxima + at, _sums + at);
            }
            float* outputs = _outputs + (first + start) * _outputStride;
            for (int panel = 0; panel < _valuePanels; panel++)
            {
                for (int tile = 0; tile < tiles; tile++)
                {
                    TKernel.Multiply(
                        weights + tile * TileRows * _centroidStride, _centroidStride, values + panel * valueStride, centroids.Count,
                        outputs + tile * TileRows * _outputStride + panel * TKernel.PanelWidth, _outputStride, accumulate: true);
                }
            }
        }
    }

    public override float LogSumExp(int row) => _maxima[row] + MathF.Log(_sums[row]);

    public override float CentroidLogit(int row, int cluster) => _centroidLogits!.Pointer[cluster * _logitStride + row];

    private void ReserveCentroids(int clusters)
    {
        nint stride = (clusters + TKernel.PanelWidth - 1) / TKernel.PanelWidth * TKernel.PanelWidth;
        _centroidStride = stride;
        _logitStride = Aligned(_capacity + TransposedRows);
        Reserve(ref _centroidLogits, (nint)(clusters + TransposedRows) * _logitStride);
        Reserve(ref _centroidWeights, (StripRows + TileRows) * stride);
    }

    /// <summary>
    /// Keeps a strip's logits, those of one cluster side by side: screening goes by cluster. Eight rows at a time: what is
    /// written for rows beyond the last is overwritten when they come.
    /// </summary>
    private void KeepLogits(float* logits, int clusters, int first, int rows)
    {
        float** from = stackalloc float*[TransposedRows];
        for (int start = 0; start < rows; start += TransposedRows)
        {
            for (int i = 0; i < TransposedRows; i++)
            {
                from[i] = logits + (nint)Math.Min(start + i, rows - 1) * _centroidStride;
            }
            Transpose.Eight(from, clusters, _centroidLogits!.Pointer + first + start, (int)_logitStride);
        }
    }

    /// <summary>Register tiles of rows from <paramref name="first"/> on against all centroids.</summary>
    private void StripLogits(float* keys, int first, int tiles, float* logits, nint stride)
    {
        float* queries = _queries + first * _queryStride;
        for (nint column = 0; column < stride; column += TKernel.PanelWidth)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                TKernel.Multiply(
                    queries + tile * TileRows * _queryStride, _queryStride, keys + column * _dimension, _dimension,
                    logits + tile * TileRows * stride + column, stride, accumulate: false);
            }
        }
    }
}
