namespace Prescore.Generation.Chat.Jinja;

/// <summary>Functions that every template can call.</summary>
internal static class Globals
{
    /// <summary>Puts them into a scope.</summary>
    public static void AddTo(Scope scope)
    {
        scope.Set("range", (Function)Range);
        scope.Set("namespace", (Function)CreateNamespace);
        scope.Set("dict", (Function)CreateMapping);
        scope.Set("raise_exception", (Function)(arguments => throw new JinjaException($"it refuses the conversation: {arguments.TakeText("message")}")));
    }

    private static object?[] Range(CallArguments arguments)
    {
        long first = arguments.TakeNumber("start", 0);
        (long start, long stop) = arguments.TryTake("stop", out object? end)
            ? (first, end is long given ? given : throw new JinjaException($"'range' to {Values.Describe(end)}"))
            : (0, first);
        long step = arguments.TakeNumber("step", 1);
        Int128 count = step == 0 ? throw new JinjaException("'range' with a step of 0") : (((Int128)stop - start) + step - Math.Sign(step)) / step;
        arguments.Budget.Charge(count > long.MaxValue ? long.MaxValue : (long)Int128.Max(0, count));
        var values = new object?[(int)Int128.Max(0, count)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = start + (i * step);
        }
        return values;
    }

    private static Namespace CreateNamespace(CallArguments arguments)
    {
        var created = new Namespace();
        foreach ((string name, object? value) in arguments.TakeNamed())
        {
            created.Values[name] = value;
        }
        return created;
    }

    private static Mapping CreateMapping(CallArguments arguments)
    {
        var created = new Mapping();
        foreach ((string name, object? value) in arguments.TakeNamed())
        {
            created[name] = value;
        }
        return created;
    }
}
