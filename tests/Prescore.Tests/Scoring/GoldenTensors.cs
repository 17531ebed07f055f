using System.Runtime.InteropServices;
using System.Text.Json;

namespace Prescore.Tests.Scoring;

/// <summary>The tensors of one reference file under <c>golden/scoring</c> (safetensors, little-endian).</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _file;
    private readonly int _data;
    private readonly JsonElement _header;

    private GoldenTensors(string path)
    {
        _file = File.ReadAllBytes(path);
        int length = (int)BitConverter.ToInt64(_file);
        _data = 8 + length;
        _header = JsonDocument.Parse(_file.AsMemory(8, length)).RootElement;
    }

    /// <summary>Opens a file; skips the calling test where reference data is absent.</summary>
    public static GoldenTensors Open(string name) => new(SharedData.Golden("scoring", name + ".safetensors"));

    public double[] Doubles(string tensor) => Read<double>(tensor, "F64");

    public float[] Floats(string tensor) => Read<float>(tensor, "F32");

    public int[] Integers(string tensor) => Read<int>(tensor, "I32");

    private T[] Read<T>(string tensor, string type)
        where T : struct
    {
        JsonElement entry = _header.GetProperty(tensor);
        entry.GetProperty("dtype").GetString().ShouldBe(type);
        int start = entry.GetProperty("data_offsets")[0].GetInt32();
        int end = entry.GetProperty("data_offsets")[1].GetInt32();
        return MemoryMarshal.Cast<byte, T>(_file.AsSpan(_data + start, end - start)).ToArray();
    }
}
