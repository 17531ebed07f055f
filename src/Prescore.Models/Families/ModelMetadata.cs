using Prescore.Models.Formats;

namespace Prescore.Models.Families;

/// <summary>
/// What a model's file says about it, in one of two dialects: GGUF's keys below the architecture's name, or a Hugging Face
/// <c>config.json</c>. A family asks by both names of a setting; a null name means that the dialect has no such key.
/// </summary>
internal abstract class ModelMetadata
{
    /// <summary>File to name in messages.</summary>
    public abstract string Path { get; }

    /// <summary>Whether this is GGUF, whose converters change some tensors.</summary>
    public abstract bool IsGguf { get; }

    /// <summary>What the registry of families knows it by.</summary>
    public abstract string Architecture { get; }

    /// <summary>Whether a setting is there and not null.</summary>
    public abstract bool Has(string? gguf, string? config);

    /// <summary>A count or size in 0..2³¹−1.</summary>
    /// <exception cref="ModelFormatException">Missing without a fallback, of another type, or out of range.</exception>
    public abstract int Count(string? gguf, string? config, int? fallback = null);

    /// <summary>A finite number.</summary>
    /// <exception cref="ModelFormatException">Missing without a fallback, of another type, or not finite.</exception>
    public abstract double Number(string? gguf, string? config, double? fallback = null);

    /// <summary>A boolean.</summary>
    /// <exception cref="ModelFormatException">Of another type.</exception>
    public abstract bool Flag(string? gguf, string? config, bool fallback);

    /// <summary>A text, or the fallback where it is absent.</summary>
    /// <exception cref="ModelFormatException">Of another type.</exception>
    public abstract string Text(string? gguf, string? config, string fallback);

    /// <summary>The setting's name in this dialect, for messages.</summary>
    public abstract string NameOf(string? gguf, string? config);

    /// <summary>Call after everything was read: a setting that nobody asked for may change numbers.</summary>
    /// <exception cref="ModelFormatException">There is such a setting.</exception>
    public abstract void RefuseUnread();

    /// <summary>A setting whose value this project does not compute.</summary>
    public ModelFormatException Unsupported(string name, object value) => new(
        Path, $"{name} is {(value is string text ? $"'{text}'" : value)}", "the metadata are damaged or of a variant that is not supported");
}
