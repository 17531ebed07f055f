using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Formats.Safetensors;

public class SafetensorsWriterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(65)]
    [InlineData(1000)]
    [InlineData(40_001)]
    public void Tensors_and_metadata_come_back(int count)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("t.safetensors");
        var halves = Enumerable.Range(0, count).Select(i => (Half)(i % 100 / 8f)).ToArray();
        var singles = Enumerable.Range(0, count).Select(i => MathF.Sin(i)).ToArray();
        var doubles = Enumerable.Range(0, count).Select(i => Math.Cos(i)).ToArray();
        int[] integers = [.. Enumerable.Range(0, count).Select(i => -i)];

        SafetensorsWriter writer = new();
        writer.Add("halves", halves, count);
        writer.Add("singles/\"日本\"", singles, 1, count, 1);
        writer.Add("doubles", doubles, count);
        writer.Add("integers", integers, count);
        writer.Add("scalar", new[] { 2.5f });
        writer.AddMetadata("text", "naïve \"日本\"\n");
        writer.Save(path);

        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.ReadFloats("halves").ShouldBe([.. halves.Select(value => (float)value)]);
        file.ReadFloats("singles/\"日本\"").ShouldBe(singles);
        file.GetTensor("singles/\"日本\"").Shape.ToArray().ShouldBe([1, count, 1]);
        file.ReadDoubles("doubles").ShouldBe(doubles);
        file.ReadInt32s("integers").ShouldBe(integers);
        file.ReadFloats("scalar").ShouldBe([2.5f]);
        file.Metadata.ShouldBe(new Dictionary<string, string> { ["text"] = "naïve \"日本\"\n" });
        Directory.GetFiles(folder.Path).ShouldBe([path]);
    }

    [Fact]
    public void Every_tensor_is_aligned_to_its_elements()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("t.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("halves", new Half[3], 3);
        writer.Add("doubles", new double[5], 5);
        writer.Add("singles", new float[3], 3);
        writer.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (StoredTensor tensor in file.Tensors)
        {
            (tensor.Offset % (tensor.ByteLength / tensor.Count)).ShouldBe(0, tensor.Name);
        }
    }

    [Fact]
    public void Wrong_shapes_and_names_are_refused()
    {
        SafetensorsWriter writer = new();
        writer.Add("a", new float[6], 2, 3);
        Should.Throw<ArgumentException>(() => writer.Add("b", new float[6], 2, 2)).Message.ShouldContain("holds 4 values, 6");
        Should.Throw<ArgumentException>(() => writer.Add("a", new float[1], 1)).Message.ShouldContain("'a' is taken");
        Should.Throw<ArgumentException>(() => writer.Add("__metadata__", new float[1], 1));
    }
}
