using Prescore.Attention.Contracts;

namespace Prescore.Attention.Core;

/// <summary>A block of queries of one key/value head, and the keys and values that it may attend. Valid during the call alone.</summary>
public readonly struct QueryBlockKeys
{
    private readonly AttentionCall _call;
    private readonly int _batch;

    internal QueryBlockKeys(AttentionCall call, int batch, int head, PositionBlock block)
    {
        (_call, _batch, Head, Start) = (call, batch, head, Math.Max(0, block.Start));
        EndKey = call.Causal ? block.EndQuery : call.Shape.Keys;
    }

    /// <summary>Key/value head.</summary>
    public int Head { get; }

    /// <summary>Position at which the block starts, a multiple of <see cref="KeyListAttention.BlockPositions"/>.</summary>
    public int Start { get; }

    /// <summary>One beyond the last key that a query of the block may attend.</summary>
    public int EndKey { get; }

    /// <summary>Whether a query at position t sees only keys at positions ≤ t.</summary>
    public bool Causal => _call.Causal;

    /// <summary>Seed and layer, for what is random.</summary>
    public AttentionOptions Options => _call.Options;

    /// <summary>Key [d] at a position.</summary>
    public ReadOnlySpan<float> Key(int position) => _call.Keys(_batch, Head).Row(position);

    /// <summary>Value [d_v] at a position.</summary>
    public ReadOnlySpan<float> Value(int position) => _call.Values(_batch, Head).Row(position);
}
