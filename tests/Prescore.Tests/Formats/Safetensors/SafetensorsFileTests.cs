using System.Text;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Formats.Safetensors;

public class SafetensorsFileTests
{
    [Fact]
    public void Malformed_files_are_refused_with_one_line_that_names_the_file()
    {
        string[] files = Directory.GetFiles(SharedData.Golden("gguf", "malformed"), "s*.safetensors");
        files.Length.ShouldBe(30);
        foreach (string path in files)
        {
            var error = Should.Throw<ModelFormatException>(() => SafetensorsFile.Open(path).Dispose(), path);
            error.Message.ShouldStartWith(Path.GetFileName(path) + ": ");
            error.Message.ShouldNotContain("\n");
        }
    }

    [Theory]
    [InlineData("s04-header-length-2e64-1.safetensors", "18446744073709551615")]
    [InlineData("s09-unknown-dtype.safetensors", "unknown dtype F13")]
    [InlineData("s11-begin-after-end.safetensors", "begins at 16, after its end 0")]
    [InlineData("s14-overlap.safetensors", "overlaps")]
    [InlineData("s15-hole.safetensors", "8 bytes before tensor")]
    [InlineData("s16-trailing-bytes.safetensors", "4 bytes after the last tensor")]
    [InlineData("s20-duplicate-name.safetensors", "'a' occurs twice")]
    [InlineData("s21-header-not-utf8.safetensors", "UTF-8")]
    [InlineData("s25-metadata-not-strings.safetensors", "is no string")]
    [InlineData("s28-data-truncated.safetensors", "cut short")]
    public void Message_says_what_is_wrong(string file, string part)
    {
        string path = SharedData.Golden("gguf", "malformed", file);
        Should.Throw<ModelFormatException>(() => SafetensorsFile.Open(path).Dispose()).Message.ShouldContain(part);
    }

    [Fact]
    public void Files_without_tensors_are_accepted()
    {
        using SafetensorsFile empty = OpenEdge("v07-empty.safetensors");
        empty.Tensors.ShouldBeEmpty();
        empty.Metadata.ShouldBeEmpty();
        using SafetensorsFile metadata = OpenEdge("v08-metadata-only.safetensors");
        metadata.Tensors.ShouldBeEmpty();
        metadata.Metadata["format"].ShouldBe("pt");
    }

    [Fact]
    public void Scalar_and_empty_tensors_are_read()
    {
        using SafetensorsFile file = OpenEdge("v09-scalar-and-empty.safetensors");
        file.GetTensor("scalar").Shape.Length.ShouldBe(0);
        file.ReadFloats("scalar").ShouldBe([3.5f]);
        file.GetTensor("empty").Shape.ToArray().ShouldBe([0, 7]);
        file.ReadFloats("empty").ShouldBeEmpty();
        file.ReadFloats("one").ShouldBe([4.5f]);
    }

    [Fact]
    public void Unusual_layouts_are_read()
    {
        using SafetensorsFile padded = OpenEdge("v10-padded-header.safetensors");
        padded.ReadFloats("a").ShouldBe([1, 2, 3, 4]);
        using SafetensorsFile unaligned = OpenEdge("v11-unaligned-data.safetensors");
        unaligned.ReadInt32s("x").ShouldBe([1, 2, 3]);
        unaligned.ReadFloats("a").ShouldBe([1, 2, 3, 4]);
        unaligned.GetTensor("a").Shape.ToArray().ShouldBe([2, 2]);
        using SafetensorsFile order = OpenEdge("v12-order-differs.safetensors");
        order.ReadFloats("first").ShouldBe([1, 2, 3, 4]);
        order.ReadFloats("second").ShouldBe([5, 6, 7, 8]);
        using SafetensorsFile names = OpenEdge("v14-odd-names.safetensors");
        names.ReadFloats("日本/\"q\"\n").ShouldBe([1, 2, 3, 4]);
        names.ReadFloats("").ShouldBe([5, 6, 7, 8]);
    }

    [Fact]
    public void Every_float_type_converts()
    {
        using SafetensorsFile file = OpenEdge("v13-all-dtypes.safetensors");
        foreach (string type in (string[])["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"])
        {
            file.ReadFloats("t_" + type).ShouldBe([1.5f, -2f], type);
            file.ReadDoubles("t_" + type).ShouldBe([1.5, -2], type);
            Should.Throw<ModelFormatException>(() => file.ReadInt32s("t_" + type)).Message.ShouldContain("integer");
        }
    }

    [Fact]
    public void Every_integer_type_converts_or_says_that_it_is_too_wide()
    {
        using SafetensorsFile file = OpenEdge("v13-all-dtypes.safetensors");
        file.ReadInt32s("t_BOOL").ShouldBe([1, 0]);
        file.ReadInt32s("t_U8").ShouldBe([1, 255]);
        file.ReadInt32s("t_U16").ShouldBe([1, 65535]);
        foreach (string type in (string[])["I8", "I16", "I32", "I64"])
        {
            file.ReadInt32s("t_" + type).ShouldBe([1, -1], type);
            Should.Throw<ModelFormatException>(() => file.ReadFloats("t_" + type)).Message.ShouldContain("float");
        }
        Should.Throw<ModelFormatException>(() => file.ReadInt32s("t_U32")).Message.ShouldContain("beyond 32 bits");
        Should.Throw<ModelFormatException>(() => file.ReadInt32s("t_U64")).Message.ShouldContain("beyond 32 bits");
    }

    [Fact]
    public void Eight_bit_floats_hold_their_extremes()
    {
        var values = new float[4];
        FloatEncodings.F8E4M3([0x7E, 0x01, 0x7F, 0x80], values);
        values[..2].ShouldBe([448f, MathF.ScaleB(1, -9)]);
        values[2].ShouldBe(float.NaN);
        float.IsNegative(values[3]).ShouldBeTrue();
        FloatEncodings.F8E5M2([0x7B, 0x01, 0x7C, 0xFC], values);
        values.ShouldBe([57344f, MathF.ScaleB(1, -16), float.PositiveInfinity, float.NegativeInfinity]);
    }

    [Fact]
    public void Parts_of_a_tensor_equal_the_whole()
    {
        using SafetensorsFile file = SafetensorsFile.Open(SharedData.Golden("scoring", "keys.safetensors"));
        float[] whole = file.ReadFloats("k");
        whole.Length.ShouldBe(2048 * 64);
        double[] wide = file.ReadDoubles("k");
        wide.ShouldBe([.. whole.Select(value => (double)value)]);
        var part = new float[20_001];
        part.AsSpan().Fill(float.NaN);
        file.ReadFloats("k", 63, part);
        part.ShouldBe(whole[63..20_064]);
        Should.Throw<ArgumentOutOfRangeException>(() => file.ReadFloats("k", whole.Length - 20_000, part));
        Should.Throw<ModelFormatException>(() => file.ReadFloats("q")).Message.ShouldContain("'q' is missing");
    }

    [Fact]
    public void Elements_beyond_2_GiB_are_read()
    {
        const long Count = 700_000_000;
        using TemporaryFolder folder = new();
        string path = folder.File("large.safetensors");
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"a":{"dtype":"F32","shape":[{{{Count}}}],"data_offsets":[0,{{{Count * sizeof(float)}}}]}}""");
        using (FileStream stream = File.Create(path))
        {
            stream.Write(BitConverter.GetBytes((long)header.Length));
            stream.Write(header);
            // Sparse: only the last value takes room on the disk.
            stream.SetLength(8 + header.Length + (Count * sizeof(float)));
            stream.Seek(-sizeof(float), SeekOrigin.End);
            stream.Write(BitConverter.GetBytes(1.5f));
        }
        using SafetensorsFile file = SafetensorsFile.Open(path);
        float[] last = [float.NaN, float.NaN, float.NaN];
        file.ReadFloats("a", Count - last.Length, last);
        last.ShouldBe([0, 0, 1.5f]);
    }

    private static SafetensorsFile OpenEdge(string name) => SafetensorsFile.Open(SharedData.Golden("gguf", "edge-valid", name));
}
