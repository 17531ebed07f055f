namespace Prescore.Generation.Chat.Jinja;

/// <summary>The arguments of a call, to be taken in the order of the function's parameters.</summary>
/// <param name="function">Name of the function, for messages.</param>
/// <param name="positional">Arguments without a name.</param>
/// <param name="named">Arguments with one.</param>
/// <param name="budget">What rendering may still cost.</param>
internal sealed class CallArguments(string function, IReadOnlyList<object?> positional, IReadOnlyDictionary<string, object?> named, RenderBudget budget)
{
    private int _taken;
    private int _namesTaken;

    /// <summary>Name of the function.</summary>
    public string Function => function;

    /// <summary>What rendering may still cost.</summary>
    public RenderBudget Budget => budget;

    /// <summary>All arguments with a name, taken.</summary>
    public IReadOnlyDictionary<string, object?> TakeNamed()
    {
        _namesTaken = named.Count;
        return named;
    }

    /// <summary>The positional arguments that are left, taken.</summary>
    public IReadOnlyList<object?> TakeRest()
    {
        object?[] rest = [.. positional.Skip(_taken)];
        _taken = positional.Count;
        return rest;
    }

    /// <summary>Takes the argument of the next parameter, if there is one.</summary>
    public bool TryTake(string parameter, out object? value)
    {
        if (_taken < positional.Count)
        {
            value = positional[_taken++];
            return true;
        }
        bool isNamed = named.TryGetValue(parameter, out value);
        _namesTaken += isNamed ? 1 : 0;
        return isNamed;
    }

    /// <summary>Takes the argument of the next parameter, or what it is without one.</summary>
    public object? Take(string parameter, object? otherwise) => TryTake(parameter, out object? value) ? value : otherwise;

    /// <summary>Takes an argument that has to be there.</summary>
    public object? Take(string parameter) =>
        TryTake(parameter, out object? value) ? value : throw new JinjaException($"'{function}' without its argument '{parameter}'");

    /// <summary>Takes a text that has to be there.</summary>
    public string TakeText(string parameter) =>
        Take(parameter) is string text ? text : throw new JinjaException($"'{function}' with an argument '{parameter}' that is no text");

    /// <summary>Takes a number.</summary>
    public long TakeNumber(string parameter, long otherwise) =>
        Take(parameter, otherwise) is long number ? number : throw new JinjaException($"'{function}' with an argument '{parameter}' that is no number");

    /// <summary>Calls a function with these arguments.</summary>
    /// <exception cref="JinjaException">It does not know all of them.</exception>
    public object? Call(Function called)
    {
        object? result = called(this);
        if (_taken < positional.Count || _namesTaken < named.Count)
        {
            throw new JinjaException($"'{function}' with an argument that is not known here");
        }
        budget.Charge(result is string text ? text.Length : result is IReadOnlyList<object?> list ? list.Count : 0);
        return result;
    }
}
