namespace Prescore.Attention;

/// <summary>An input tensor holds NaN or an infinity.</summary>
public sealed class NonFiniteException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="tensor">Which tensor: queries, keys, values or key log-weights.</param>
    /// <param name="batch">Sequence in the batch.</param>
    /// <param name="head">Head of that tensor.</param>
    /// <param name="row">Row (token) of that head.</param>
    public NonFiniteException(string tensor, int batch, int head, int row)
        : base($"{tensor} hold a value that is not finite (batch {batch}, head {head}, row {row})")
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
