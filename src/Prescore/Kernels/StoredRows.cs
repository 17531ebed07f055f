using Prescore.Memory;

namespace Prescore.Kernels;

/// <summary>Rows of weights as they are stored, one after the other without gaps: a tensor of a mapped file.</summary>
/// <param name="Bytes">The rows' bytes; the matrix that is made from them disposes of them.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Format">How they are stored.</param>
public readonly record struct StoredRows(MappedBytes Bytes, int Rows, BlockFormat Format);
