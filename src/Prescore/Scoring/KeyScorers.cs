using Prescore.Attention;

namespace Prescore.Scoring;

/// <summary>The registry of key scorers: one line a scorer.</summary>
public static class KeyScorers
{
    private static readonly (string Name, Func<IKeyScorer> Create)[] Registry =
    [
    ];

    /// <summary>Names of all scorers.</summary>
    public static string[] Names { get; } = [.. Registry.Select(entry => entry.Name)];

    /// <summary>Creates a scorer by name.</summary>
    /// <exception cref="MethodSpecException">Unknown scorer, named with the nearest known one.</exception>
    public static IKeyScorer Create(string name)
    {
        foreach ((string known, Func<IKeyScorer> create) in Registry)
        {
            if (known == name)
            {
                return create();
            }
        }
        throw MethodSpecException.Unknown("scorer", name, Names);
    }
}
