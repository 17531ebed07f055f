namespace Prescore.Attention.Contracts;

/// <summary>Queries, keys and values are finite, but so large that a logit or an output is beyond single precision.</summary>
public sealed class LogitOverflowException : ArithmeticException
{
    /// <summary>Names the query.</summary>
    /// <param name="batch">Sequence in the batch.</param>
    /// <param name="head">Query head.</param>
    /// <param name="row">Row (token) of that head.</param>
    public LogitOverflowException(int batch, int head, int row)
        : base($"products of queries, keys and values overflow single precision (batch {batch}, query head {head}, row {row}); scale the inputs down")
    {
        (Batch, Head, Row) = (batch, head, row);
    }

    /// <summary>For a method that does not look at single products.</summary>
    public LogitOverflowException()
        : base("queries, keys and values are so large that their products may overflow single precision; scale the inputs down, or use exact")
    {
    }

    /// <summary>Sequence in the batch; null: not known.</summary>
    public int? Batch { get; }

    /// <summary>Query head; null: not known.</summary>
    public int? Head { get; }

    /// <summary>Row of that head; null: not known.</summary>
    public int? Row { get; }
}
