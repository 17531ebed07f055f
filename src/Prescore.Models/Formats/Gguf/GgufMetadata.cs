using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Prescore.Models.Formats.Gguf;

/// <summary>
/// The key/value section of a GGUF file. Every typed getter names key, wanted and found type where they differ; the
/// getters with a fallback return it only where the key is absent, never to hide a wrong type.
/// </summary>
public sealed class GgufMetadata
{
    private readonly string _path;
    private readonly Dictionary<string, object> _values;

    internal GgufMetadata(string path, Dictionary<string, object> values)
    {
        _path = path;
        _values = values;
    }

    /// <summary>All keys, in file order.</summary>
    public IReadOnlyCollection<string> Keys => _values.Keys;

    /// <summary>Whether a key is there, of whatever type.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>
    /// The value as stored: a number of its own width, a bool, a string, or an array of one of these (nested arrays as
    /// arrays of arrays).
    /// </summary>
    /// <exception cref="ModelFormatException">The key is missing.</exception>
    public object this[string key] => _values.TryGetValue(key, out object? value) ? value : throw Missing(key);

    /// <summary>A string.</summary>
    /// <exception cref="ModelFormatException">The key is missing or of another type.</exception>
    public string GetString(string key) => As<string>(key, this[key], "string");

    /// <summary>A string, or the fallback where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type.</exception>
    [return: NotNullIfNotNull(nameof(fallback))]
    public string? GetString(string key, string? fallback) => Contains(key) ? GetString(key) : fallback;

    /// <summary>A whole number in 0..2³²−1, stored in any integer type.</summary>
    /// <exception cref="ModelFormatException">The key is missing, of another type, or out of range.</exception>
    public uint GetUInt32(string key) => GetInteger<uint>(key, "uint32");

    /// <summary>A whole number in 0..2³²−1, or the fallback where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type or out of range.</exception>
    public uint GetUInt32(string key, uint fallback) => Contains(key) ? GetUInt32(key) : fallback;

    /// <summary>A whole number in 0..2³¹−1, stored in any integer type: a count, a size or an index.</summary>
    /// <exception cref="ModelFormatException">The key is missing, of another type, or out of range.</exception>
    public int GetCount(string key)
    {
        int count = GetInteger<int>(key, "count");
        return count >= 0 ? count : throw OutOfRange(key, count, "count");
    }

    /// <summary>A whole number in 0..2³¹−1, or the fallback where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type or out of range.</exception>
    public int GetCount(string key, int fallback) => Contains(key) ? GetCount(key) : fallback;

    /// <summary>A float, stored as float32 or float64.</summary>
    /// <exception cref="ModelFormatException">The key is missing or of another type.</exception>
    public float GetFloat(string key) => this[key] switch
    {
        float value => value,
        double value => (float)value,
        object other => throw WrongType(key, other, "float32"),
    };

    /// <summary>A float, or the fallback where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type.</exception>
    public float GetFloat(string key, float fallback) => Contains(key) ? GetFloat(key) : fallback;

    /// <summary>A boolean.</summary>
    /// <exception cref="ModelFormatException">The key is missing or of another type.</exception>
    public bool GetBoolean(string key) => this[key] is bool value ? value : throw WrongType(key, this[key], "bool");

    /// <summary>A boolean, or the fallback where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type.</exception>
    public bool GetBoolean(string key, bool fallback) => Contains(key) ? GetBoolean(key) : fallback;

    /// <summary>An array whose elements are stored as <typeparamref name="T"/> (uint, int, float, string, …).</summary>
    /// <exception cref="ModelFormatException">The key is missing or of another type.</exception>
    public T[] GetArray<T>(string key) => As<T[]>(key, this[key], TypeName(typeof(T[])));

    /// <summary>An array; false where the key is absent.</summary>
    /// <exception cref="ModelFormatException">The key is of another type.</exception>
    public bool TryGetArray<T>(string key, [NotNullWhen(true)] out T[]? values)
    {
        values = Contains(key) ? GetArray<T>(key) : null;
        return values is not null;
    }

    /// <summary>The stored type of a value in the format's words, such as "uint32" or "array of string".</summary>
    /// <exception cref="ModelFormatException">The key is missing.</exception>
    public string GetTypeName(string key) => TypeName(this[key].GetType());

    private T As<T>(string key, object value, string wanted)
        where T : class =>
        // The exact type: the runtime would let an int[] pass for a uint[].
        value.GetType() == typeof(T) ? (T)value : throw WrongType(key, value, wanted);

    private T GetInteger<T>(string key, string wanted)
        where T : struct, IBinaryInteger<T>
    {
        object value = this[key];
        try
        {
            return value switch
            {
                byte number => T.CreateChecked(number),
                sbyte number => T.CreateChecked(number),
                ushort number => T.CreateChecked(number),
                short number => T.CreateChecked(number),
                uint number => T.CreateChecked(number),
                int number => T.CreateChecked(number),
                ulong number => T.CreateChecked(number),
                long number => T.CreateChecked(number),
                _ => throw WrongType(key, value, wanted),
            };
        }
        catch (OverflowException)
        {
            throw OutOfRange(key, value, wanted);
        }
    }

    private static string TypeName(Type type) =>
        type.IsArray ? $"array of {(type == typeof(Array[]) ? "array" : TypeName(type.GetElementType()!))}"
        : type == typeof(float) ? "float32"
        : type == typeof(double) ? "float64"
        : type == typeof(bool) ? "bool"
        : type == typeof(byte) ? "uint8"
        : type == typeof(sbyte) ? "int8"
        : type.Name.ToLowerInvariant();

    private ModelFormatException Missing(string key) =>
        new(_path, $"the metadata key '{key}' is missing", "convert the model again with a current converter");

    private ModelFormatException WrongType(string key, object value, string wanted) =>
        new(_path, $"the metadata key '{key}' should be {wanted} but is {TypeName(value.GetType())}",
            "convert the model again with a current converter");

    private ModelFormatException OutOfRange(string key, object value, string wanted) =>
        new(_path, $"the metadata key '{key}' is {value}, out of range for a {wanted}",
            "convert the model again with a current converter");
}
