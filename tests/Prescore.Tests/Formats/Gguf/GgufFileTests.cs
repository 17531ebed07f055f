using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Tests.Formats.Gguf;

public class GgufFileTests
{
    // Well formed as files; the loader of a model refuses them by what it asks of their metadata (tests below).
    private static readonly string[] WellFormed = ["g29", "g30"];

    [Fact]
    public void Malformed_files_are_refused_with_one_line_that_names_the_file()
    {
        string[] files = Directory.GetFiles(SharedData.Golden("gguf", "malformed"), "g*.gguf");
        files.Length.ShouldBe(30);
        foreach (string path in files.Where(path => !WellFormed.Contains(Path.GetFileName(path)[..3])))
        {
            var error = Should.Throw<ModelFormatException>(() => GgufFile.Open(path).Dispose(), path);
            error.Message.ShouldStartWith(Path.GetFileName(path) + ": ");
            error.Message.ShouldNotContain("\n");
        }
    }

    [Theory]
    [InlineData("g04-version-99.gguf", "version 99")]
    [InlineData("g05-version-big-endian.gguf", "big-endian")]
    [InlineData("g14-unknown-tensor-type.gguf", "type number 250")]
    [InlineData("g16-dims-product-overflow.gguf", "8589934592, 8589934592")]
    [InlineData("g19-offset-wraps.gguf", "offset 18446744073709551584")]
    [InlineData("g20-data-truncated.gguf", "20 bytes past the end")]
    [InlineData("g22-duplicate-key.gguf", "'llama.block_count' occurs twice")]
    [InlineData("g24-overlapping-tensors.gguf", "overlaps tensor")]
    [InlineData("g26-alignment-not-power-of-two.gguf", "33")]
    [InlineData("g28-row-not-whole-blocks.gguf", "rows of 33 values")]
    public void Message_says_what_is_wrong(string file, string part)
    {
        string path = SharedData.Golden("gguf", "malformed", file);
        Should.Throw<ModelFormatException>(() => GgufFile.Open(path).Dispose()).Message.ShouldContain(part);
    }

    [Fact]
    public void Missing_key_is_named()
    {
        using GgufFile file = OpenGolden("malformed", "g29-architecture-missing.gguf");
        Should.Throw<ModelFormatException>(() => file.Metadata.GetString("general.architecture"))
            .Message.ShouldContain("'general.architecture' is missing");
    }

    [Fact]
    public void Wrong_type_names_key_wanted_and_found_type()
    {
        using GgufFile file = OpenGolden("malformed", "g30-wrong-value-type.gguf");
        Should.Throw<ModelFormatException>(() => file.Metadata.GetUInt32("llama.block_count"))
            .Message.ShouldContain("'llama.block_count' should be uint32 but is string");
        Should.Throw<ModelFormatException>(() => file.Metadata.GetUInt32("llama.block_count", 7));
    }

    [Theory]
    [InlineData("v01-minimal-v3.gguf", 3, 32)]
    [InlineData("v02-minimal-v2.gguf", 2, 32)]
    [InlineData("v03-alignment-64.gguf", 3, 64)]
    public void Minimal_files_give_their_values(string name, int version, uint alignment)
    {
        using GgufFile file = OpenGolden("edge-valid", name);
        file.Version.ShouldBe(version);
        file.Metadata.GetString("general.architecture").ShouldBe("llama");
        file.Metadata.GetUInt32("llama.block_count").ShouldBe(1u);
        file.Metadata.GetUInt32("general.alignment", 32).ShouldBe(alignment);
        file.Tensors.Select(tensor => tensor.Name).ShouldBe(["a.weight", "b.weight"]);
        StoredTensor a = file.GetTensor("a.weight");
        a.Shape.ToArray().ShouldBe([2, 4]);
        (a.Columns, a.Rows, a.Type.Ggml, a.ByteLength).ShouldBe((4, 2, GgmlType.F32, 32));
        file.ReadFloats("a.weight").ShouldBe([0, 1, 2, 3, 4, 5, 6, 7]);
        file.ReadFloats("b.weight").ShouldBe([10, 11, 12, 13, 14, 15, 16, 17]);
        var row = new float[4];
        file.GetTensor("a.weight").ReadRows(1, 1, row);
        row.ShouldBe([4, 5, 6, 7]);
    }

    [Fact]
    public void All_value_types_are_read()
    {
        using GgufFile file = OpenGolden("edge-valid", "v04-all-value-types.gguf");
        GgufMetadata metadata = file.Metadata;
        string Key(string end) => metadata.Keys.Single(key => key == end || key.EndsWith("." + end, StringComparison.Ordinal));
        metadata[Key("u8")].ShouldBe((byte)254);
        metadata[Key("i8")].ShouldBe((sbyte)-2);
        metadata[Key("u16")].ShouldBe((ushort)65534);
        metadata[Key("i16")].ShouldBe((short)-2);
        metadata[Key("u32")].ShouldBe(4294967294u);
        metadata[Key("i32")].ShouldBe(-2);
        metadata[Key("u64")].ShouldBe(ulong.MaxValue - 1);
        metadata[Key("i64")].ShouldBe(-2L);
        metadata[Key("f64")].ShouldBe(-2.25);
        metadata.GetFloat(Key("f32")).ShouldBe(1.5f);
        metadata.GetFloat(Key("f64")).ShouldBe(-2.25f);
        metadata.GetBoolean(Key("bool")).ShouldBeTrue();
        metadata.GetString(Key("str")).ShouldBe("naïve 日本 😀");
        metadata.GetArray<int>(Key("arr_i32")).ShouldBe([-1, 0, 1]);
        metadata.GetArray<string>(Key("arr_str")).ShouldBe(["a", ""]);
        metadata.GetArray<float>(Key("arr_empty")).ShouldBeEmpty();
        Array[] nested = metadata.GetArray<Array>(Key("arr_arr"));
        nested[0].ShouldBeOfType<uint[]>().ShouldBe([1, 2]);
        nested[1].ShouldBeOfType<string[]>().ShouldBe(["x"]);
        metadata.GetUInt32(Key("u8")).ShouldBe(254u);
        Should.Throw<ModelFormatException>(() => metadata.GetUInt32(Key("i32"))).Message.ShouldContain("-2, out of range");
        Should.Throw<ModelFormatException>(() => metadata.GetCount(Key("u32"))).Message.ShouldContain("out of range");
        Should.Throw<ModelFormatException>(() => metadata.GetArray<uint>(Key("arr_i32")))
            .Message.ShouldContain("should be array of uint32 but is array of int32");
    }

    [Theory]
    [InlineData("v05-no-tensors.gguf", 0)]
    [InlineData("v06-trailing-bytes.gguf", 2)]
    public void Unusual_files_are_accepted(string name, int tensors)
    {
        using GgufFile file = OpenGolden("edge-valid", name);
        file.Tensors.Count.ShouldBe(tensors);
    }

    [Fact]
    public void Rows_read_one_at_a_time_equal_the_whole_tensor()
    {
        using GgufFile file = OpenGolden("tiny-llama-q8_0.gguf");
        foreach (StoredTensor tensor in file.Tensors)
        {
            float[] whole = file.ReadFloats(tensor.Name);
            var row = new float[tensor.Columns];
            for (int r = 0; r < tensor.Rows; r++)
            {
                row.AsSpan().Fill(float.NaN);
                file.GetTensor(tensor.Name).ReadRows(r, 1, row);
                row.ShouldBe(whole.AsSpan(r * row.Length, row.Length).ToArray());
            }
        }
    }

    [Fact]
    public void Embedded_model_opens_and_its_tensors_are_finite()
    {
        using GgufFile file = GgufFile.Open(Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"));
        file.Tensors.Count.ShouldBe(272);
        file.Metadata.GetCount("llama.block_count").ShouldBe(30);
        file.Metadata.GetArray<string>("tokenizer.ggml.tokens").Length.ShouldBe(49152);
        file.ReadFloats("blk.29.ffn_down.weight").ShouldAllBe(value => float.IsFinite(value));
    }

    [Fact]
    public void Wrong_requests_are_refused()
    {
        using GgufFile file = OpenGolden("edge-valid", "v01-minimal-v3.gguf");
        Should.Throw<ModelFormatException>(() => file.ReadFloats("c.weight")).Message.ShouldContain("'c.weight' is missing");
        Should.Throw<ArgumentOutOfRangeException>(() => file.GetTensor("a.weight").ReadRows(1, 2, new float[8]));
        Should.Throw<ArgumentOutOfRangeException>(() => file.GetTensor("a.weight").ReadRows(-1, 1, new float[4]));
        Should.Throw<ArgumentException>(() => file.GetTensor("a.weight").ReadRows(0, 1, new float[5]));
        Should.Throw<FileNotFoundException>(() => GgufFile.Open("no-such-file.gguf"));
    }

    private static GgufFile OpenGolden(params string[] parts) => GgufFile.Open(SharedData.Golden(["gguf", .. parts]));
}
