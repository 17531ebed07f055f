using System.Runtime.InteropServices;

namespace Prescore.Kernels;

/// <summary>Rows of weights as they are stored, one after the other without gaps: a tensor of a mapped file.</summary>
/// <param name="Memory">The memory, kept alive by every matrix made from it; of a mapped file the view's handle.</param>
/// <param name="Offset">Byte offset of the first row.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Format">How they are stored.</param>
public readonly record struct StoredRows(SafeBuffer Memory, long Offset, int Rows, BlockFormat Format);
