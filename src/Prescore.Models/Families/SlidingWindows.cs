using Prescore.Models.Formats;

namespace Prescore.Models.Families;

/// <summary>Reads which layers see a window of keys only.</summary>
internal static class SlidingWindows
{
    private const string Sliding = "sliding_attention";
    private const string Full = "full_attention";

    /// <summary>All layers have the window of <c>sliding_window</c>.</summary>
    /// <param name="metadata">The metadata.</param>
    /// <param name="fallback">The window where the key is absent; 0: none.</param>
    public static Func<int, int?> OfAll(ModelMetadata metadata, int fallback)
    {
        // A null in a configuration says that there is none.
        bool isNull = metadata is ConfigModelMetadata config && config.IsNull("sliding_window");
        int window = metadata.Count("attention.sliding_window", "sliding_window", isNull ? 0 : fallback);
        Func<int, bool>? listed = Listed(metadata);
        return layer => window > 0 && (listed?.Invoke(layer) ?? true) ? window : null;
    }

    /// <summary>Those layers have the window that <c>layer_types</c> lists, or else the ones that the family's own rule says.</summary>
    /// <param name="metadata">The metadata.</param>
    /// <param name="rule">Whether a layer has the window where the file does not list them.</param>
    public static Func<int, int?> OfSome(ModelMetadata metadata, Func<int, bool> rule)
    {
        int window = metadata.Count("attention.sliding_window", "sliding_window", 0);
        Func<int, bool> isSliding = Listed(metadata) ?? rule;
        return layer => window > 0 && isSliding(layer) ? window : null;
    }

    /// <summary>Qwen's way: a switch, and the first layer that has the window.</summary>
    public static Func<int, int?> OfUpper(ModelMetadata metadata)
    {
        int first = metadata.Count(null, "max_window_layers", 0);
        Func<int, int?> windows = OfSome(metadata, layer => layer >= first);
        bool used = metadata.IsGguf || metadata.Flag(null, "use_sliding_window", false);
        return layer => used ? windows(layer) : null;
    }

    private static Func<int, bool>? Listed(ModelMetadata metadata)
    {
        if ((metadata as ConfigModelMetadata)?.Texts("layer_types") is not { } types)
        {
            return null;
        }
        if (types.FirstOrDefault(type => type is not (Sliding or Full)) is { } unknown)
        {
            throw metadata.Unsupported("layer_types", unknown);
        }
        return layer => layer < types.Length
            ? types[layer] == Sliding
            : throw new ModelFormatException(metadata.Path, $"'layer_types' has {types.Length} entries, none for layer {layer}", "fetch the file again");
    }
}
