using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>What rendering may cost: templates come with models, which anybody can make.</summary>
/// <param name="characters">Characters of all strings made, and items of all lists.</param>
internal sealed class RenderBudget(long characters)
{
    private const int MostSteps = 2_000_000;
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(20);

    private readonly long _start = Stopwatch.GetTimestamp();

    private int _steps;
    private long _characters;

    /// <summary>Counts a step of a program, and refuses to nest deeper than the stack allows.</summary>
    /// <exception cref="JinjaException">There were too many, or they are nested too deeply.</exception>
    public void Step()
    {
        if (++_steps > MostSteps || Stopwatch.GetElapsedTime(_start) > MostTime)
        {
            throw new JinjaException("the template takes too many steps");
        }
        RequireStack();
    }

    /// <summary>Counts characters or items that are about to be made.</summary>
    /// <exception cref="JinjaException">There are too many.</exception>
    public void Charge(long count)
    {
        _characters += count;
        if (count > characters || _characters > characters)
        {
            throw new JinjaException("the template makes too much text");
        }
    }

    /// <summary>Refuses to nest deeper than the stack allows.</summary>
    /// <exception cref="JinjaException">It is about to.</exception>
    public static void RequireStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new JinjaException("the template is nested too deeply");
        }
    }
}
