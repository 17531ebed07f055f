using CsCheck;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;
using Prescore.Tests.Formats.Gguf;

namespace Prescore.Tests.Formats;

/// <summary>Whatever is done to the bytes of a file, opening and reading it gives values or a ModelFormatException.</summary>
public class CorruptFileTests
{
    private static readonly Gen<(int, byte)[]> Flips = Gen.Select(Gen.Int[0, int.MaxValue], Gen.Byte).Array[0, 4];

    [Fact]
    public void Corrupt_gguf_raises_nothing_but_a_format_error() => Check(TinyGguf.Build(), "t.gguf", path =>
    {
        using GgufFile file = GgufFile.Open(path);
        foreach (string key in file.Metadata.Keys)
        {
            file.Metadata.GetTypeName(key).ShouldNotBeEmpty();
        }
        foreach (StoredTensor tensor in file.Tensors)
        {
            file.ReadFloats(tensor.Name).Length.ShouldBe((int)tensor.Count);
        }
    });

    [Fact]
    public void Corrupt_safetensors_raises_nothing_but_a_format_error()
    {
        using TemporaryFolder folder = new();
        SafetensorsWriter writer = new();
        writer.Add("a", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3);
        writer.Add("b", new double[] { 7, 8 }, 2);
        writer.Add("c", new Half[] { (Half)1 }, 1);
        writer.AddMetadata("format", "pt");
        writer.Save(folder.File("whole.safetensors"));
        Check(File.ReadAllBytes(folder.File("whole.safetensors")), "t.safetensors", path =>
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (StoredTensor tensor in file.Tensors)
            {
                file.ReadFloats(tensor.Name).Length.ShouldBe((int)tensor.Count);
            }
        });
    }

    private static void Check(byte[] whole, string name, Action<string> read)
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File(name), whole);
        read(folder.File(name));
        int refused = 0;
        int serial = 0;
        Gen.Select(Flips, Gen.Int[0, 3 * whole.Length]).Sample(
            (flips, length) =>
            {
                byte[] bytes = whole[..Math.Min(length, whole.Length)];
                foreach ((int at, byte value) in flips.Where(_ => bytes.Length > 0))
                {
                    bytes[at % bytes.Length] = value;
                }
                string path = folder.File(Interlocked.Increment(ref serial) + name);
                File.WriteAllBytes(path, bytes);
                try
                {
                    read(path);
                }
                catch (ModelFormatException)
                {
                    Interlocked.Increment(ref refused);
                }
                File.Delete(path);
            },
            iter: 1000);
        refused.ShouldBeGreaterThan(300);
    }
}
