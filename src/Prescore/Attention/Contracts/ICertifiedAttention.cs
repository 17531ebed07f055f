namespace Prescore.Attention.Contracts;

/// <summary>A method that measures its own error on exact probe queries: estimates with count and interval, not bounds.</summary>
public interface ICertifiedAttention : IAttention
{
    /// <summary>The relative error that it aims at for every head; null: none, a budget alone limits it.</summary>
    double? TargetError { get; }
}
