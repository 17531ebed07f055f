namespace Prescore.Attention.Contracts;

/// <summary>A tensor holds a value that attention cannot take; says where.</summary>
public abstract class TensorValueException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="problem">What is wrong with the value, after the tensor's name.</param>
    /// <param name="advice">What to do, after the place; empty: nothing.</param>
    /// <param name="tensor">Which tensor: queries, keys, values or key log-weights.</param>
    /// <param name="batch">Sequence in the batch.</param>
    /// <param name="head">Head of that tensor.</param>
    /// <param name="row">Row (token) of that head.</param>
    protected TensorValueException(string problem, string advice, string tensor, int batch, int head, int row)
        : base($"{tensor} hold {problem} (batch {batch}, head {head}, row {row}){advice}")
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
