namespace Prescore.Specs;

/// <summary>A method spec that cannot be understood; the message says what and where and names the nearest known name.</summary>
public sealed class MethodSpecException(string message) : ArgumentException(message)
{
    /// <summary>An exception for an unknown name, with the nearest known one.</summary>
    /// <param name="what">What kind of name it is, such as "method".</param>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">All known names.</param>
    public static MethodSpecException Unknown(string what, string name, ReadOnlySpan<string> known) =>
        new(UnknownName.Describe(what, name, known));
}
