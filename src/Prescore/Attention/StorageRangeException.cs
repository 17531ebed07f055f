namespace Prescore.Attention;

/// <summary>A key or value is too large for 16-bit storage, which would turn it into an infinity.</summary>
public sealed class StorageRangeException : ArgumentException
{
    /// <summary>Largest absolute value that 16 bits hold.</summary>
    public const float Largest = 65504;

    /// <summary>Creates the exception.</summary>
    /// <param name="tensor">Which tensor: keys or values.</param>
    /// <param name="batch">Sequence in the batch.</param>
    /// <param name="head">Head of that tensor.</param>
    /// <param name="row">Row (token) of that head.</param>
    public StorageRangeException(string tensor, int batch, int head, int row)
        : base($"{tensor} hold a value beyond ±65504, which 16-bit storage cannot hold (batch {batch}, head {head}, row {row}); use storage=fp32")
    {
        Tensor = tensor;
        Batch = batch;
        Head = head;
        Row = row;
    }

    /// <summary>Which tensor.</summary>
    public string Tensor { get; }

    /// <summary>Sequence in the batch.</summary>
    public int Batch { get; }

    /// <summary>Head of that tensor.</summary>
    public int Head { get; }

    /// <summary>Row of that head.</summary>
    public int Row { get; }
}
