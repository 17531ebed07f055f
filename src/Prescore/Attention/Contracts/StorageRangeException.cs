namespace Prescore.Attention.Contracts;

/// <summary>A key or value is too large for 16-bit storage, which would turn it into an infinity.</summary>
/// <param name="tensor">Which tensor: keys or values.</param>
/// <param name="batch">Sequence in the batch.</param>
/// <param name="head">Head of that tensor.</param>
/// <param name="row">Row (token) of that head.</param>
public sealed class StorageRangeException(string tensor, int batch, int head, int row)
    : TensorValueException("a value beyond ±65504, which 16-bit storage cannot hold", "; use storage=fp32", tensor, batch, head, row)
{
    /// <summary>Largest absolute value that 16 bits hold.</summary>
    public const float Largest = 65504;
}
