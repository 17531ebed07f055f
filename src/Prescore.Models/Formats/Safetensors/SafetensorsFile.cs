using Prescore.Memory;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// A safetensors file, memory mapped: its metadata and its tensors. Files and tensors may be larger than 2 GiB. Many
/// threads may read at once.
/// </summary>
public sealed class SafetensorsFile : ITensorSource
{
    private readonly MappedFile _file;
    private readonly Dictionary<string, StoredTensor> _byName;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
    {
        _file = file;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        _byName = Tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>The path it was opened by.</summary>
    public string Path => _file.Path;

    /// <summary>The free-form strings of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>All tensors, in the order of the header.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <exception cref="ModelFormatException">The file is no valid safetensors file.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = new MappedFile(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public StoredTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <summary>All values of a tensor of any float type, as fp64.</summary>
    /// <exception cref="ModelFormatException">No such tensor, no float type, or too large for one array.</exception>
    public double[] ReadDoubles(string name) => this.GetTensor(name).ReadDoubles();

    /// <summary>All values of a tensor of any integer type (or BOOL: 0 and 1), as 32-bit integers.</summary>
    /// <exception cref="ModelFormatException">
    /// No such tensor, no integer type, a value beyond 32 bits, or too large for one array.
    /// </exception>
    public int[] ReadInt32s(string name) => this.GetTensor(name).ReadInt32s();

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
