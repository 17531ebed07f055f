using System.Globalization;
using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Training;

/// <summary>The state of a training between two epochs: weights, moments, the epoch, and the settings that it belongs to.</summary>
internal static class TrainingCheckpoint
{
    /// <summary>Writes a checkpoint; the one before it stays until the new one is whole.</summary>
    public static void Save(string path, IEnumerable<(string Name, Tensor Value)> tensors, int epoch, long steps, TrainingSettings settings)
    {
        var writer = new SafetensorsWriter();
        SafetensorsTensors.AddTo(writer, tensors);
        writer.AddMetadata("epoch", epoch.ToString(CultureInfo.InvariantCulture));
        writer.AddMetadata("steps", steps.ToString(CultureInfo.InvariantCulture));
        writer.AddMetadata("settings", Describe(settings));
        writer.Save(path);
    }

    /// <summary>Reads a checkpoint into the tensors.</summary>
    /// <returns>The epoch and the steps that are done.</returns>
    /// <exception cref="ModelFormatException">It belongs to other settings, or is damaged.</exception>
    public static (int Epoch, long Steps) Load(string path, IEnumerable<(string Name, Tensor Value)> tensors, TrainingSettings settings)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue("settings", out string? saved) || saved != Describe(settings)
            || !int.TryParse(file.Metadata.GetValueOrDefault("epoch"), CultureInfo.InvariantCulture, out int epoch)
            || !long.TryParse(file.Metadata.GetValueOrDefault("steps"), CultureInfo.InvariantCulture, out long steps))
        {
            throw new ModelFormatException(path, "it is not the checkpoint of a training with these settings", "give the settings that it was started with, or another folder");
        }
        SafetensorsTensors.CopyInto(file, tensors);
        return (epoch, steps);
    }

    private static string Describe(TrainingSettings settings) => JsonSerializer.Serialize(settings);
}
