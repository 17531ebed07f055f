using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>Reads one row of a table as floats.</summary>
/// <param name="row">The row.</param>
/// <param name="values">Receives the row.</param>
public delegate void RowReader(int row, Span<float> values);

/// <summary>
/// Embeddings of tokens, scaled where the model scales them, plus learned embeddings of their positions where it has them
/// (Radford et al., 2019). Rows are read from where they are stored when they are needed. Safe to share between threads.
/// </summary>
public sealed class TokenEmbedding
{
    /// <summary>Number of tokens.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Embedding of a token.</summary>
    public required RowReader Tokens { get; init; }

    /// <summary>Factor on tokens' embeddings; null: none.</summary>
    public float? Scale { get; init; }

    /// <summary>Embedding of a position; null: none.</summary>
    public RowReader? Positions { get; init; }

    /// <summary>Writes the embeddings of tokens at consecutive positions, dense [tokens, hidden].</summary>
    /// <param name="tokens">Token ids.</param>
    /// <param name="position">Absolute position of the first token.</param>
    /// <param name="hidden">Receives [tokens, hidden].</param>
    /// <exception cref="ArgumentException">A token is not in the vocabulary; thrown before anything is written.</exception>
    public void Apply(ReadOnlySpan<int> tokens, int position, Span<float> hidden)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)VocabularySize)
            {
                throw new ArgumentException($"token {tokens[i]} at index {i} is not in the vocabulary of {VocabularySize}");
            }
        }
        float[] learned = Positions is null ? [] : new float[HiddenSize];
        for (int i = 0; i < tokens.Length; i++)
        {
            Span<float> row = hidden.Slice(i * HiddenSize, HiddenSize);
            Tokens(tokens[i], row);
            if (Scale is float scale)
            {
                TensorPrimitives.Multiply(row, scale, row);
            }
            if (Positions is not null)
            {
                Positions(position + i, learned);
                TensorPrimitives.Add(row, learned, row);
            }
        }
    }
}
