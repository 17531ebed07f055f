namespace Prescore.Attention.Clustered;

/// <summary>Work of some queries of one head.</summary>
/// <param name="Interactions">Logits computed, and the sketches read at what one costs.</param>
/// <param name="Screened">Sketches read.</param>
/// <param name="Exact">Logits that exact attention would have computed.</param>
internal readonly record struct HeadWork(long Interactions, long Screened, long Exact);
