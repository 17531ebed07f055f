using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>
/// The input of a vision transformer (Dosovitskiy et al., arXiv 2010.11929): a learned CLS token and a linear projection of
/// every patch of the image, row by row, plus embeddings of their positions. Columns and rows of pixels that fill no patch
/// are left out, as a convolution leaves them out. Owns its projection; immutable and safe to share between threads.
/// </summary>
public sealed class PatchEmbedding : IDisposable
{
    /// <summary>Patches projected at a time.</summary>
    private const int PieceRows = 192;

    private readonly Linear _projection;
    private readonly float[] _cls;
    private readonly PositionGrid _positions;

    /// <summary>Creates the layer.</summary>
    /// <param name="projection">From a patch's pixels [channels, patch, patch] to the residual stream.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="patch">Pixels of a patch's side.</param>
    /// <param name="cls">The CLS token, [hidden].</param>
    /// <param name="positions">Embeddings of positions.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    public PatchEmbedding(Linear projection, int channels, int patch, float[] cls, PositionGrid positions)
    {
        if (projection.Inputs != channels * patch * patch || projection.Outputs != cls.Length)
        {
            throw new ArgumentException($"a projection from {projection.Inputs} to {projection.Outputs} does not fit", nameof(projection));
        }
        (_projection, Channels, PatchSize, _cls, _positions) = (projection, channels, patch, cls, positions);
    }

    /// <summary>Channels of an image.</summary>
    public int Channels { get; }

    /// <summary>Pixels of a patch's side.</summary>
    public int PatchSize { get; }

    /// <summary>Number of tokens of an image: its patches and CLS.</summary>
    /// <exception cref="ArgumentException">The image is smaller than a patch.</exception>
    public int Tokens(int height, int width) => height >= PatchSize && width >= PatchSize
        ? checked(1 + height / PatchSize * (width / PatchSize))
        : throw new ArgumentException($"an image of {height}×{width} is smaller than a patch of {PatchSize}×{PatchSize}");

    /// <summary>Writes the input of the first layer.</summary>
    /// <param name="pixels">[channels, height, width].</param>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="width">Columns of pixels.</param>
    /// <param name="hidden">Receives dense [tokens, hidden], CLS first.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    public void Apply(ReadOnlyMemory<float> pixels, int height, int width, Memory<float> hidden, int threads)
    {
        int size = _cls.Length, columns = width / PatchSize, patches = Tokens(height, width) - 1;
        float[] positions = _positions.For(height / PatchSize, columns);
        TensorPrimitives.Add(_cls, positions.AsSpan(0, size), hidden.Span[..size]);
        Parallel.For(0, (patches + PieceRows - 1) / PieceRows, new ParallelOptions { MaxDegreeOfParallelism = threads }, piece =>
        {
            int first = piece * PieceRows, rows = Math.Min(PieceRows, patches - first);
            var gathered = new float[rows * _projection.Inputs];
            for (int row = 0; row < rows; row++)
            {
                (int y, int x) = Math.DivRem(first + row, columns);
                Gather(pixels.Span, height, width, y * PatchSize, x * PatchSize, gathered.AsSpan(row * _projection.Inputs, _projection.Inputs));
            }
            Span<float> target = hidden.Span.Slice((1 + first) * size, rows * size);
            _projection.Apply(gathered, _projection.Inputs, rows, target, threads: 1);
            TensorPrimitives.Add(target, positions.AsSpan((1 + first) * size, rows * size), target);
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _projection.Dispose();

    private void Gather(ReadOnlySpan<float> pixels, int height, int width, int top, int left, Span<float> patch)
    {
        for (int line = 0; line < Channels * PatchSize; line++)
        {
            (int channel, int y) = Math.DivRem(line, PatchSize);
            pixels.Slice((channel * height + top + y) * width + left, PatchSize).CopyTo(patch[(line * PatchSize)..]);
        }
    }
}
