namespace Prescore.Attention.Contracts;

/// <summary>An input tensor holds NaN or an infinity.</summary>
/// <param name="tensor">Which tensor: queries, keys, values or key log-weights.</param>
/// <param name="batch">Sequence in the batch.</param>
/// <param name="head">Head of that tensor.</param>
/// <param name="row">Row (token) of that head.</param>
public sealed class NonFiniteException(string tensor, int batch, int head, int row)
    : TensorValueException("a value that is not finite", advice: "", tensor, batch, head, row);
