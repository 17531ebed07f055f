namespace Prescore.Generation.Chat.Jinja;

/// <summary>A part of a template that has a value.</summary>
internal abstract class Expression
{
    /// <summary>Its value.</summary>
    /// <exception cref="JinjaException">It has none: an operation, a filter, a test or a function is not known, or not for such values.</exception>
    public object? Evaluate(Scope scope)
    {
        scope.Budget.Step();
        return Compute(scope);
    }

    /// <summary>Its value, uncounted.</summary>
    protected abstract object? Compute(Scope scope);
}

/// <summary>A value that is written out.</summary>
internal sealed class Literal(object? value) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => value;
}

/// <summary>A variable.</summary>
internal sealed class Variable(string name) : Expression
{
    /// <summary>Its name.</summary>
    public string Name => name;

    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => scope.Get(name);
}

/// <summary><c>[a, b]</c> and <c>(a, b)</c></summary>
internal sealed class ListOf(IReadOnlyList<Expression> items) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => items.Select(item => item.Evaluate(scope)).ToArray();
}

/// <summary><c>{'a': 1}</c></summary>
internal sealed class MappingOf(IReadOnlyList<(Expression Key, Expression Value)> pairs) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope)
    {
        var mapping = new Mapping();
        foreach ((Expression key, Expression value) in pairs)
        {
            object? name = key.Evaluate(scope);
            mapping[name as string ?? throw new JinjaException($"{Values.Describe(name)} as a key")] = value.Evaluate(scope);
        }
        return mapping;
    }
}

/// <summary><c>a if condition else b</c></summary>
internal sealed class Conditional(Expression condition, Expression value, Expression? otherwise) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) =>
        Values.IsTrue(condition.Evaluate(scope)) ? value.Evaluate(scope) : otherwise is null ? new Undefined("the value without 'else'") : otherwise.Evaluate(scope);
}

/// <summary><c>and</c> and <c>or</c>: the value of the side that decides.</summary>
internal sealed class Logical(bool isAnd, Expression left, Expression right) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope)
    {
        object? value = left.Evaluate(scope);
        return Values.IsTrue(value) == isAnd ? right.Evaluate(scope) : value;
    }
}

/// <summary><c>not a</c></summary>
internal sealed class Not(Expression operand) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => !Values.IsTrue(operand.Evaluate(scope));
}

/// <summary><c>-a</c></summary>
internal sealed class Negation(Expression operand) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => Arithmetic.Apply("-", 0L, operand.Evaluate(scope), scope.Budget);
}

/// <summary><c>a + b</c> and the like.</summary>
internal sealed class Calculation(string symbol, Expression left, Expression right) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => Arithmetic.Apply(symbol, left.Evaluate(scope), right.Evaluate(scope), scope.Budget);
}

/// <summary><c>a &lt; b &lt;= c</c>, <c>a in b</c> and the like.</summary>
internal sealed class Comparison(Expression first, IReadOnlyList<(string Symbol, Expression Operand)> others) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope)
    {
        object? left = first.Evaluate(scope);
        foreach ((string symbol, Expression operand) in others)
        {
            object? right = operand.Evaluate(scope);
            if (!Holds(symbol, left, right))
            {
                return false;
            }
            left = right;
        }
        return true;
    }

    private static bool Holds(string symbol, object? left, object? right) => symbol switch
    {
        "==" => Values.AreEqual(left, right),
        "!=" => !Values.AreEqual(left, right),
        "in" => Values.IsIn(left, right),
        "not in" => !Values.IsIn(left, right),
        "<" => Values.Compare(left, right) < 0,
        "<=" => Values.Compare(left, right) <= 0,
        ">" => Values.Compare(left, right) > 0,
        _ => Values.Compare(left, right) >= 0,
    };
}

/// <summary><c>a.name</c></summary>
internal sealed class Member(Expression target, string name) : Expression
{
    /// <summary>The attribute's name.</summary>
    public string Name => name;

    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => Members.Attribute(target.Evaluate(scope), name);
}

/// <summary><c>a[key]</c></summary>
internal sealed class Item(Expression target, Expression key) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) => Members.Item(target.Evaluate(scope), key.Evaluate(scope));
}

/// <summary><c>a[start:stop:step]</c></summary>
internal sealed class Slice(Expression target, Expression? start, Expression? stop, Expression? step) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope)
    {
        object? value = target.Evaluate(scope);
        object? result = Members.Slice(value, Bound(start, scope), Bound(stop, scope), Bound(step, scope) ?? 1);
        scope.Budget.Charge(result is string text ? text.Length : ((IReadOnlyList<object?>)result!).Count);
        return result;
    }

    private static long? Bound(Expression? bound, Scope scope) => bound?.Evaluate(scope) switch
    {
        null => null,
        long number => number,
        object other => throw new JinjaException($"a slice with {Values.Describe(other)} as a bound"),
    };
}

/// <summary><c>a(…)</c></summary>
internal sealed class Call(Expression target, Arguments arguments) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope)
    {
        object? called = target.Evaluate(scope);
        string name = target switch { Variable variable => variable.Name, Member member => member.Name, _ => "a function" };
        return arguments.Evaluate(name, [], scope).Call(
            called as Function ?? throw new JinjaException(called is Undefined ? $"the function '{name}' is not known" : $"calling {Values.Describe(called)}"));
    }
}

/// <summary><c>a | name(…)</c></summary>
internal sealed class Filter(Expression operand, string name, Arguments arguments) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) =>
        arguments.Evaluate(name, [operand.Evaluate(scope)], scope).Call(Filters.Find(name));
}

/// <summary><c>a is name(…)</c></summary>
internal sealed class Test(Expression operand, string name, Arguments arguments) : Expression
{
    /// <inheritdoc/>
    protected override object? Compute(Scope scope) =>
        arguments.Evaluate(name, [operand.Evaluate(scope)], scope).Call(Tests.Find(name));
}

/// <summary>The arguments of a call as they are written.</summary>
internal sealed class Arguments(IReadOnlyList<Expression> positional, IReadOnlyDictionary<string, Expression> named)
{
    /// <summary>No arguments.</summary>
    public static Arguments None { get; } = new([], new Dictionary<string, Expression>());

    /// <summary>Their values, after others that the call puts first.</summary>
    public CallArguments Evaluate(string function, IEnumerable<object?> before, Scope scope) => new(
        function,
        [.. before, .. positional.Select(argument => argument.Evaluate(scope))],
        named.ToDictionary(argument => argument.Key, argument => argument.Value.Evaluate(scope), StringComparer.Ordinal),
        scope.Budget);
}
