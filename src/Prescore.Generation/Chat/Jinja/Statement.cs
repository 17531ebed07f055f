using System.Text;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>How a program goes on after a statement.</summary>
internal enum Flow
{
    /// <summary>With the next one.</summary>
    Next,

    /// <summary>With the next item of the loop.</summary>
    Continue,

    /// <summary>After the loop.</summary>
    Break,
}

/// <summary>A part of a template that writes text or sets variables.</summary>
/// <param name="line">Its line, from 1.</param>
internal abstract class Statement(int line)
{
    /// <summary>Executes it.</summary>
    /// <exception cref="JinjaException">Something in it is not understood or fails; the message names the line.</exception>
    public Flow Execute(Scope scope, StringBuilder output)
    {
        scope.Budget.Step();
        try
        {
            return Run(scope, output);
        }
        catch (JinjaException error) when (!error.HasLine)
        {
            throw new JinjaException(error.Message, line);
        }
    }

    /// <summary>Executes it; messages may lack the line.</summary>
    protected abstract Flow Run(Scope scope, StringBuilder output);
}

/// <summary>Statements one after the other.</summary>
internal sealed class Block(IReadOnlyList<Statement> statements, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        foreach (Statement statement in statements)
        {
            if (statement.Execute(scope, output) is not Flow.Next and Flow flow)
            {
                return flow;
            }
        }
        return Flow.Next;
    }
}

/// <summary>What stands between tags.</summary>
internal sealed class Verbatim(string text, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        scope.Budget.Charge(text.Length);
        output.Append(text);
        return Flow.Next;
    }
}

/// <summary><c>{{ value }}</c></summary>
internal sealed class Output(Expression value, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        string text = Values.Text(value.Evaluate(scope));
        scope.Budget.Charge(text.Length);
        output.Append(text);
        return Flow.Next;
    }
}

/// <summary><c>{% if condition %}…{% else %}…{% endif %}</c></summary>
internal sealed class If(Expression condition, Statement then, Statement? otherwise, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output) =>
        Values.IsTrue(condition.Evaluate(scope)) ? then.Execute(scope, output) : otherwise?.Execute(scope, output) ?? Flow.Next;
}

/// <summary><c>{% for target in items if condition %}…{% else %}…{% endfor %}</c></summary>
internal sealed class For(IReadOnlyList<string> targets, Expression items, Expression? condition, Statement body, Statement? otherwise, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        IReadOnlyList<object?> all = Values.Items(items.Evaluate(scope));
        object?[] chosen = [.. all.Where(item => condition is null || Values.IsTrue(condition.Evaluate(Bind(scope, item))))];
        for (int i = 0; i < chosen.Length; i++)
        {
            Scope inner = Bind(scope, chosen[i]);
            inner.Set("loop", Describe(chosen, i));
            if (body.Execute(inner, output) == Flow.Break)
            {
                break;
            }
        }
        return chosen.Length == 0 && otherwise?.Execute(scope, output) is Flow flow ? flow : Flow.Next;
    }

    private Scope Bind(Scope scope, object? item)
    {
        Scope inner = scope.Inner();
        Targets.Set(targets, item, inner);
        return inner;
    }

    /// <summary>The variable <c>loop</c>.</summary>
    private static Mapping Describe(object?[] items, int index)
    {
        var loop = new Mapping
        {
            ["index"] = index + 1L,
            ["index0"] = (long)index,
            ["revindex"] = (long)items.Length - index,
            ["revindex0"] = items.Length - index - 1L,
            ["first"] = index == 0,
            ["last"] = index == items.Length - 1,
            ["length"] = (long)items.Length,
        };
        if (index > 0)
        {
            loop["previtem"] = items[index - 1];
        }
        if (index < items.Length - 1)
        {
            loop["nextitem"] = items[index + 1];
        }
        return loop;
    }
}

/// <summary><c>{% break %}</c> and <c>{% continue %}</c></summary>
internal sealed class Leave(Flow flow, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output) => flow;
}

/// <summary><c>{% set a, b = value %}</c></summary>
internal sealed class Set(IReadOnlyList<string> targets, Expression value, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        Targets.Set(targets, value.Evaluate(scope), scope);
        return Flow.Next;
    }
}

/// <summary><c>{% set variables.name = value %}</c></summary>
internal sealed class SetMember(string variable, string name, Expression value, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        object? target = scope.Get(variable);
        Namespace variables = target as Namespace ?? throw new JinjaException($"setting '{name}' of {Values.Describe(target)}");
        variables.Values[name] = value.Evaluate(scope);
        return Flow.Next;
    }
}

/// <summary><c>{% set name %}…{% endset %}</c></summary>
internal sealed class SetText(string name, Statement body, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        var text = new StringBuilder();
        body.Execute(scope.Inner(), text);
        scope.Set(name, text.ToString());
        return Flow.Next;
    }
}

/// <summary><c>{% macro name(parameter, other=value) %}…{% endmacro %}</c></summary>
internal sealed class Macro(string name, IReadOnlyList<(string Name, Expression? Default)> parameters, Statement body, int line) : Statement(line)
{
    /// <inheritdoc/>
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        scope.Set(name, (Function)(arguments => Write(scope, arguments)));
        return Flow.Next;
    }

    private string Write(Scope outer, CallArguments arguments)
    {
        Scope scope = outer.Inner();
        foreach ((string parameter, Expression? value) in parameters)
        {
            scope.Set(parameter, arguments.TryTake(parameter, out object? given) ? given : value is null ? new Undefined(parameter) : value.Evaluate(scope));
        }
        var text = new StringBuilder();
        body.Execute(scope, text);
        return text.ToString();
    }
}

/// <summary>Names that a value is given.</summary>
internal static class Targets
{
    /// <summary>Sets one name to a value, or several to the items of a list.</summary>
    public static void Set(IReadOnlyList<string> names, object? value, Scope scope)
    {
        if (names.Count == 1)
        {
            scope.Set(names[0], value);
            return;
        }
        IReadOnlyList<object?> items = Values.Items(value);
        if (items.Count != names.Count)
        {
            throw new JinjaException($"{items.Count} values for {names.Count} names");
        }
        for (int i = 0; i < names.Count; i++)
        {
            scope.Set(names[i], items[i]);
        }
    }
}
