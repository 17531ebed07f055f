using System.Text.Json;
using Prescore.Models.Formats;

namespace Prescore.Models.Images;

/// <summary>The keys of a Hugging Face <c>preprocessor_config.json</c> for images.</summary>
internal readonly struct PreprocessorConfig(string path, JsonElement root)
{
    private const int LargestSide = 16384;

    public ImagePreprocessing Read(ImagePreprocessing fallback)
    {
        ImagePreprocessing result = fallback;
        if (!Flag("do_resize", true))
        {
            result = result with { ShortestEdge = null, Size = null };
        }
        else if (root.TryGetProperty("size", out JsonElement size))
        {
            result = size.ValueKind == JsonValueKind.Object && size.TryGetProperty("shortest_edge", out JsonElement edge)
                ? result with { ShortestEdge = Side(edge), Size = null }
                : result with { ShortestEdge = null, Size = HeightAndWidth(size) };
        }
        result = result with
        {
            Resampling = root.TryGetProperty("resample", out JsonElement filter) ? Filter(filter) : result.Resampling,
            RescaleFactor = Flag("do_rescale", true) ? Number("rescale_factor", result.RescaleFactor) : 1,
            Mean = Flag("do_normalize", true) ? Channels("image_mean", result.Mean) : new float[result.Mean.Length],
            StandardDeviation = Flag("do_normalize", true) ? Channels("image_std", result.StandardDeviation) : [.. result.Mean.Select(_ => 1f)],
        };
        // Processors that never cut do not have the key.
        bool crops = Flag("do_center_crop", root.TryGetProperty("crop_size", out JsonElement crop) || fallback.Crop is not null);
        return result with { Crop = !crops ? null : crop.ValueKind == JsonValueKind.Undefined ? result.Crop : HeightAndWidth(crop) };
    }

    private bool Flag(string name, bool fallback) => root.TryGetProperty(name, out JsonElement value) ? value.GetBoolean() : fallback;

    private double Number(string name, double fallback) => root.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : fallback;

    private float[] Channels(string name, float[] fallback)
    {
        if (!root.TryGetProperty(name, out JsonElement value))
        {
            return fallback;
        }
        float[] numbers = [.. value.EnumerateArray().Select(number => number.GetSingle())];
        bool wrong = numbers.Any(number => !float.IsFinite(number)) || (name == "image_std" && numbers.Any(number => number <= 0));
        return numbers.Length == fallback.Length && !wrong
            ? numbers
            : throw new ModelFormatException(path, $"'{name}' does not fit a model of {fallback.Length} channels", "fetch the file again");
    }

    private (int Height, int Width) HeightAndWidth(JsonElement value) => value.ValueKind == JsonValueKind.Object
        ? (Side(value.GetProperty("height")), Side(value.GetProperty("width")))
        : (Side(value), Side(value));

    private int Side(JsonElement value) => value.GetInt32() is >= 1 and <= LargestSide and int side
        ? side
        : throw new ModelFormatException(path, $"an image side of {value} is out of range", $"it must be 1 to {LargestSide}");

    private Resampling Filter(JsonElement value) => value.GetInt32() is >= (int)Resampling.Nearest and <= (int)Resampling.Bicubic and int filter
        ? (Resampling)filter
        : throw new ModelFormatException(path, $"resampling filter {value} is not supported", "use nearest (0), lanczos (1), bilinear (2) or bicubic (3)");
}
