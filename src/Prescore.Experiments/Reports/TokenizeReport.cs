namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore tokenize --json</c>.</summary>
public sealed record TokenizeReport
{
    public int SchemaVersion { get; init; } = 1;

    public required int Count { get; init; }

    public required IReadOnlyList<TokenRow> Tokens { get; init; }
}

/// <summary>One token.</summary>
public sealed record TokenRow(int Id, string Piece);
