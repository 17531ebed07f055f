namespace Prescore.Experiments.Coverage;

/// <summary>Keys of a key/value head that all queries share.</summary>
internal sealed class KeySet
{
    private readonly bool[] _contains;

    /// <summary>A set of far keys.</summary>
    /// <param name="keys">Their positions.</param>
    /// <param name="count">Number n of keys of the head.</param>
    public KeySet(int[] keys, int count)
    {
        Keys = [.. keys.Order()];
        _contains = new bool[count];
        foreach (int key in keys)
        {
            _contains[key] = true;
        }
    }

    /// <summary>Positions, ascending.</summary>
    public int[] Keys { get; }

    /// <summary>Whether a key is in it.</summary>
    public bool Contains(int key) => _contains[key];
}
