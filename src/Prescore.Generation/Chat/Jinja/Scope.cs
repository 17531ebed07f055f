namespace Prescore.Generation.Chat.Jinja;

/// <summary>Variables; those of an inner scope hide the outer ones of the same name.</summary>
internal sealed class Scope(Scope? outer, RenderBudget budget)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    /// <summary>What rendering may still cost.</summary>
    public RenderBudget Budget { get; } = budget;

    /// <summary>A scope within this one.</summary>
    public Scope Inner() => new(this, Budget);

    /// <summary>Sets a variable of this scope.</summary>
    public void Set(string name, object? value) => _values[name] = value;

    /// <summary>The value of a variable of this scope or an outer one; <see cref="Undefined"/>: there is none.</summary>
    public object? Get(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out object? value))
            {
                return value;
            }
        }
        return new Undefined(name);
    }

    private Scope? Outer { get; } = outer;
}
