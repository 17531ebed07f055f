namespace Prescore.Models.Families;

/// <summary>More tokens than the model's (scaled) trained context, without leave to go beyond it.</summary>
public sealed class ContextLimitException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="wanted">Tokens asked for.</param>
    /// <param name="limit">Tokens the model can take.</param>
    public ContextLimitException(int wanted, int limit)
        : base($"a context of {wanted} tokens is beyond the model's {limit}; "
            + $"use a shorter one, scale positions (--rope yarn:factor={Math.Ceiling((double)wanted / limit)}, ModelOptions.Rope) or insist (--allow-long, ModelOptions.AllowLong)")
    {
        Wanted = wanted;
        Limit = limit;
    }

    /// <summary>Tokens asked for.</summary>
    public int Wanted { get; }

    /// <summary>Tokens the model can take.</summary>
    public int Limit { get; }
}
