namespace Prescore.Models.Layers;

/// <summary>
/// Cosines and sines of the last few chunks of positions, which one layer after the other asks for: of all pieces of a prompt
/// up to some thousand tokens long. Not safe for concurrent use.
/// </summary>
internal sealed class RotaryAngles
{
    /// <summary>Chunks that are kept: enough for a session's piece of a prompt in layers that turn in two ways.</summary>
    public const int Chunks = 8;

    private readonly Chunk[] _chunks = [.. Enumerable.Range(0, Chunks).Select(_ => new Chunk())];
    private int _next;

    /// <summary>The angles of positions <paramref name="first"/> … first + rows − 1, as <see cref="RotaryEmbedding.Angles"/> writes them.</summary>
    public Chunk Of(RotaryEmbedding rotary, int first, int rows, int threads)
    {
        foreach (Chunk kept in _chunks)
        {
            if (ReferenceEquals(kept.Rotary, rotary) && kept.First == first && kept.Rows >= rows)
            {
                return kept;
            }
        }
        Chunk chunk = _chunks[_next];
        _next = (_next + 1) % Chunks;
        chunk.Fill(rotary, first, rows, threads);
        return chunk;
    }

    /// <summary>One chunk.</summary>
    internal sealed class Chunk
    {
        private float[] _cosines = [];
        private float[] _sines = [];

        public RotaryEmbedding? Rotary { get; private set; }

        public int First { get; private set; }

        public int Rows { get; private set; }

        /// <summary>Cosines of one row.</summary>
        public ReadOnlySpan<float> Cosines(int row) => _cosines.AsSpan(row * Rotary!.Dimensions, Rotary.Dimensions);

        /// <summary>Signed sines of one row.</summary>
        public ReadOnlySpan<float> Sines(int row) => _sines.AsSpan(row * Rotary!.Dimensions, Rotary.Dimensions);

        public void Fill(RotaryEmbedding rotary, int first, int rows, int threads)
        {
            int width = rotary.Dimensions;
            if (_cosines.Length < rows * width)
            {
                _cosines = new float[rows * width];
                _sines = new float[rows * width];
            }
            (Rotary, First, Rows) = (rotary, first, rows);
            ParallelRows.Run(rows, threads, row => rotary.Angles(first + row, _cosines.AsSpan(row * width, width), _sines.AsSpan(row * width, width)));
        }
    }
}
