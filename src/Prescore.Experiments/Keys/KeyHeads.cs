using Prescore.Attention.Contracts;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Numerics;

namespace Prescore.Experiments.Keys;

/// <summary>Captured keys of one layer, a matrix a key/value head.</summary>
public sealed class KeyHeads
{
    private readonly float[] _values;

    private KeyHeads(float[] values, int heads, int count, int dimension)
    {
        _values = values;
        (Heads, Count, Dimension) = (heads, count, dimension);
    }

    /// <summary>Number of heads.</summary>
    public int Heads { get; }

    /// <summary>Keys a head (n).</summary>
    public int Count { get; }

    /// <summary>Size d of a key.</summary>
    public int Dimension { get; }

    /// <summary>The keys of one head.</summary>
    public KeyMatrix this[int head] => new()
    {
        Values = _values.AsSpan(head * Count * Dimension, Count * Dimension),
        Count = Count,
        Dimension = Dimension,
    };

    /// <summary>Reads keys [n, d] or [heads, n, d] of any float type.</summary>
    /// <exception cref="Models.Formats.ModelFormatException">No valid safetensors file, or no such tensor.</exception>
    /// <exception cref="BadInputException">The tensor has other dimensions.</exception>
    /// <exception cref="NonFiniteException">A key is NaN or infinite.</exception>
    public static KeyHeads Read(string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        StoredTensor tensor = file.GetTensor(name);
        if (tensor.Shape.Length is not (2 or 3) || tensor.Count is < 1 or > int.MaxValue)
        {
            throw new BadInputException($"{Path.GetFileName(path)}: keys are [n,d] or [heads,n,d] and not empty, but this is {tensor}");
        }
        int heads = tensor.Shape.Length == 3 ? (int)tensor.Shape[0] : 1;
        var keys = new KeyHeads(file.ReadFloats(name), heads, (int)tensor.Shape[^2], (int)tensor.Shape[^1]);
        keys.RequireFinite(name);
        return keys;
    }

    private void RequireFinite(string name)
    {
        int bad = Array.FindIndex(_values, value => !float.IsFinite(value));
        if (bad >= 0)
        {
            int row = bad / Dimension;
            throw new NonFiniteException($"keys '{name}'", 0, row / Count, row % Count);
        }
    }
}
