using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

public sealed class ConvertTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("F32")]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Every_tensor_of_a_model_comes_through(string type)
    {
        string model = SharedData.Golden("gguf", "tiny-llama-q8_0.gguf");
        ToolRun run = ToolRun.Of("convert", model, _folder.File("out.safetensors"), "--type", type);
        run.ExitCode.ShouldBe(0, run.Error);

        using ITensorSource source = TensorSource.Open(model);
        using SafetensorsFile converted = SafetensorsFile.Open(_folder.File("out.safetensors"));
        converted.Metadata["general.architecture"].ShouldBe("llama");
        converted.Tensors.Count.ShouldBe(source.Tensors.Count);
        foreach (StoredTensor tensor in source.Tensors)
        {
            StoredTensor written = converted.GetTensor(tensor.Name);
            written.Type.Name.ShouldBe(type);
            written.Shape.ToArray().ShouldBe(tensor.Shape.ToArray());
            float[] expected = [.. tensor.ReadAll().Select(value => Round(value, type))];
            written.ReadAll().ShouldBe(expected, tensor.Name);
        }
    }

    [Fact]
    public void Every_storage_type_converts_whatever_the_architecture()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("gguf", "dequant.safetensors"));
        string[] types = [.. golden.Metadata.Keys];
        types.Length.ShouldBe(25);
        foreach (string type in types)
        {
            string model = _folder.File(type + ".gguf");
            byte[] raw = [.. golden.ReadInt32s($"{type}.raw").Select(value => (byte)value)];
            RawGguf(model, Enum.Parse<GgmlType>(type), golden.ReadFloats($"{type}.f32").Length, raw);

            ToolRun run = ToolRun.Of("convert", model, _folder.File("out.safetensors"));

            run.ExitCode.ShouldBe(0, run.Error);
            using SafetensorsFile converted = SafetensorsFile.Open(_folder.File("out.safetensors"));
            converted.ReadFloats("w").Select(BitConverter.SingleToUInt32Bits)
                .ShouldBe(golden.ReadFloats($"{type}.f32").Select(BitConverter.SingleToUInt32Bits), type);
        }
    }

    [Fact]
    public void Integers_are_copied_and_what_does_not_fit_is_refused()
    {
        var writer = new SafetensorsWriter();
        writer.Add("ids", new[] { 1, -2 }, 2);
        writer.Add("w", new[] { 1f, 70_000f }, 2);
        writer.Save(_folder.File("in.safetensors"));
        ToolRun.Of("convert", _folder.File("in.safetensors"), _folder.File("out.safetensors"), "--type", "F16")
            .ShouldBeBadInput("'w'", "70000", "index 1", "F16");
        File.Exists(_folder.File("out.safetensors")).ShouldBeFalse();

        ToolRun.Of("convert", _folder.File("in.safetensors"), _folder.File("out.safetensors"), "--type", "BF16").ExitCode.ShouldBe(0);
        using SafetensorsFile converted = SafetensorsFile.Open(_folder.File("out.safetensors"));
        converted.ReadInt32s("ids").ShouldBe([1, -2]);
        converted.GetTensor("w").Type.Name.ShouldBe("BF16");
    }

    [Fact]
    public void Bad_input_is_refused_in_one_line()
    {
        RawGguf(_folder.File("q8k.gguf"), GgmlType.Q8_K, 256, new byte[292]);
        ToolRun.Of("convert", _folder.File("q8k.gguf"), _folder.File("out.safetensors")).ShouldBeBadInput("'w' (Q8_K");
        ToolRun.Of("convert", _folder.File("q8k.gguf"), _folder.File("q8k.gguf")).ShouldBeBadInput("q8k.gguf");
        ToolRun.Of("convert", _folder.File("q8k.gguf"), _folder.File("out.safetensors"), "--type", "Q4_0").ShouldBeBadInput("Q4_0");
        ToolRun.Of("convert", _folder.File("none.gguf"), _folder.File("out.safetensors")).ShouldBeBadInput("none.gguf");
        Directory.GetFiles(_folder.Path).ShouldHaveSingleItem();
    }

    [Fact]
    public void Cancelled_conversion_leaves_nothing()
    {
        RawGguf(_folder.File("m.gguf"), GgmlType.F32, 4, new byte[16]);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        new ToolRun(cancellationToken: cancelled.Token).Run("convert", _folder.File("m.gguf"), _folder.File("out.safetensors")).ExitCode.ShouldBe(130);
        Directory.GetFiles(_folder.Path).ShouldHaveSingleItem();
    }

    private static float Round(float value, string type) => type switch
    {
        "F16" => (float)(Half)value,
        "BF16" => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x7FFF + (BitConverter.SingleToUInt32Bits(value) >> 16 & 1)) & 0xFFFF0000),
        _ => value,
    };

    /// <summary>A file of one tensor "w" with the given stored bytes, of an architecture that nobody knows.</summary>
    private static void RawGguf(string path, GgmlType type, int count, byte[] raw)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write(1L);
        writer.Write(1L);
        WriteText(writer, "general.architecture");
        writer.Write(8u);
        WriteText(writer, "unheard-of");
        WriteText(writer, "w");
        writer.Write(1u);
        writer.Write((long)count);
        writer.Write((uint)type);
        writer.Write(0L);
        writer.Write(new byte[-writer.BaseStream.Position & 31]);
        writer.Write(raw);
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        writer.Write((long)text.Length);
        writer.Write(System.Text.Encoding.UTF8.GetBytes(text));
    }
}
