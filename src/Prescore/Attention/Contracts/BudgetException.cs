using System.Globalization;

namespace Prescore.Attention.Contracts;

/// <summary>A budget that a method cannot keep at this length.</summary>
public sealed class BudgetException : ArgumentException
{
    /// <summary>Names the floor.</summary>
    /// <param name="budget">The budget that was asked for.</param>
    /// <param name="floor">The smallest that the method can keep.</param>
    /// <param name="tokens">Number of keys.</param>
    /// <param name="reason">What the floor is made of.</param>
    /// <param name="advice">What to lower instead.</param>
    public BudgetException(double budget, double floor, int tokens, string reason, string advice)
        : base(string.Create(
            CultureInfo.InvariantCulture,
            $"a budget of {budget:0.####} is below {Math.Ceiling(floor * 10000) / 10000:0.####}, what {reason} take at {tokens} tokens; raise it, or lower {advice}"))
    {
        (Budget, Floor) = (budget, floor);
    }

    /// <summary>The budget that was asked for.</summary>
    public double Budget { get; }

    /// <summary>The smallest that the method can keep.</summary>
    public double Floor { get; }
}
