using Prescore.Memory;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Formats.Safetensors;

public sealed class ShardedSafetensorsTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tensors_of_all_shards_are_found_by_name()
    {
        WriteShards();
        using ITensorSource source = TensorSource.Open(_folder.Path);
        source.Path.ShouldEndWith(Index);
        source.Tensors.Select(tensor => tensor.Name).ShouldBe(["a", "b", "c"]);
        source.ReadFloats("a").ShouldBe([1, 2]);
        source.ReadFloats("c").ShouldBe([4]);
        source.GetTensor("c").Path.ShouldEndWith("two.safetensors");
        Should.Throw<ModelFormatException>(() => source.GetTensor("d")).Message.ShouldContain("'d' is missing");
        using ITensorSource byIndex = TensorSource.Open(_folder.File(Index));
        byIndex.Tensors.Count.ShouldBe(3);
    }

    [Theory]
    [InlineData("""{"a":"one.safetensors","b":"one.safetensors"}""", "", "")]
    [InlineData("""{"a":"one.safetensors"}""", "'b'", "not where the index says")]
    [InlineData("""{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}""", "'b'", "two.safetensors")]
    [InlineData("""{"a":"one.safetensors","b":"one.safetensors","c":"three.safetensors"}""", "'three.safetensors'", "missing")]
    [InlineData("""{"a":"../one.safetensors"}""", "'../one.safetensors'", "beside the index")]
    [InlineData("""{"a":"one.safetensors","a":"one.safetensors"}""", "weight_map", "index")]
    [InlineData("""{"a":7}""", "weight_map", "index")]
    [InlineData("""{"a":null}""", "weight_map", "index")]
    [InlineData("[]", "weight_map", "index")]
    [InlineData("{", "weight_map", "index")]
    public void Index_that_does_not_fit_is_refused(string weightMap, string part, string other)
    {
        WriteShards();
        File.WriteAllText(_folder.File(Index), $$"""{"metadata":{},"weight_map":{{weightMap}}}""");
        if (part.Length == 0)
        {
            TensorSource.Open(_folder.Path).Dispose();
            return;
        }
        string message = Should.Throw<ModelFormatException>(() => TensorSource.Open(_folder.Path).Dispose()).Message;
        message.ShouldContain(part);
        message.ShouldContain(other);
        message.ShouldNotContain("\n");
    }

    [Fact]
    public void Folder_without_weights_is_refused()
    {
        Should.Throw<ModelFormatException>(() => TensorSource.Open(_folder.Path)).Message.ShouldContain("neither model.safetensors nor");
    }

    [Fact]
    public void Mapped_bytes_outlive_their_source()
    {
        WriteShards();
        ITensorSource source = TensorSource.Open(_folder.File("one.safetensors"));
        StoredTensor tensor = source.GetTensor("a");
        using MappedBytes bytes = tensor.Map();
        source.Dispose();
        bytes.Length.ShouldBe(8);
        bytes.Slice(4, 4).ToArray().ShouldBe(BitConverter.GetBytes(2f));
        Should.Throw<ArgumentOutOfRangeException>(() => bytes.Slice(5, 4));
        bytes.Dispose();
        Should.Throw<ObjectDisposedException>(() => tensor.Map());
        Should.Throw<ObjectDisposedException>(() => bytes.Slice(0, 1));
    }

    private void WriteShards()
    {
        SafetensorsWriter one = new();
        one.Add("a", new float[] { 1, 2 }, 2);
        one.Add("b", new float[] { 3 }, 1);
        one.Save(_folder.File("one.safetensors"));
        SafetensorsWriter two = new();
        two.Add("c", new float[] { 4 }, 1);
        two.Save(_folder.File("two.safetensors"));
        File.WriteAllText(
            _folder.File(Index),
            """{"metadata":{"total_size":16},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}}""");
    }
}
