using System.Runtime.InteropServices;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using static TorchSharp.torch;

namespace Prescore.TorchSharp;

/// <summary>libtorch's tensors to and from safetensors files.</summary>
internal static class SafetensorsTensors
{
    /// <summary>Adds tensors as F32.</summary>
    public static void AddTo(SafetensorsWriter writer, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        foreach ((string name, Tensor value) in tensors)
        {
            using Tensor dense = value.detach().contiguous();
            writer.Add(name, MemoryMarshal.Cast<byte, float>(dense.bytes).ToArray(), value.shape);
        }
    }

    /// <summary>Reads values into tensors of the same names and shapes.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public static void CopyInto(SafetensorsFile file, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        using var noGradient = no_grad();
        foreach ((string name, Tensor value) in tensors)
        {
            long[] shape = file.GetTensor(name).Shape.ToArray();
            if (!shape.SequenceEqual(value.shape))
            {
                throw new ModelFormatException(
                    file.Path, $"tensor '{name}' is [{string.Join(", ", shape)}] where [{string.Join(", ", value.shape)}] is wanted", "use a file of these sizes");
            }
            using Tensor read = tensor(file.ReadFloats(name), shape);
            value.copy_(read);
        }
    }
}
