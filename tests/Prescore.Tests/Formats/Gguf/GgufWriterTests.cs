using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Tests.Formats.Gguf;

public sealed class GgufWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Stored_blocks_come_back_byte_for_byte()
    {
        // More than one piece of the writer's.
        const int Rows = 300, Columns = 512, RowBytes = 2 * 210;
        var blocks = new byte[Rows * RowBytes];
        new Random(3).NextBytes(blocks);
        int written = 0;
        var writer = new GgufWriter();
        writer.AddStored("a", GgmlType.Q6_K, [Rows, Columns], part =>
        {
            blocks.AsSpan(written, part.Length).CopyTo(part);
            written += part.Length;
        });
        Should.Throw<ArgumentException>(() => writer.AddStored("b", GgmlType.Q6_K, [2, 100], _ => { }));
        writer.Save(_folder.File("stored.gguf"));

        using GgufFile file = GgufFile.Open(_folder.File("stored.gguf"));
        using MappedBytes mapped = file.GetTensor("a").Map();
        mapped.Slice(0, blocks.Length).ToArray().ShouldBe(blocks);
    }

    [Fact]
    public void Metadata_and_tensors_come_back()
    {
        var writer = new GgufWriter();
        (string, object)[] metadata =
        [
            ("general.architecture", "llama"), ("bool", true), ("u8", (byte)200), ("i8", (sbyte)-3), ("u16", (ushort)40_000),
            ("i16", (short)-4), ("u32", 3_000_000_000u), ("i32", -5), ("u64", ulong.MaxValue), ("i64", -6L), ("f32", 1.5f), ("f64", 2.5),
            ("texts", new[] { "naïve", "" }), ("numbers", new[] { 1f, 2f }), ("none", Array.Empty<int>()),
        ];
        foreach ((string key, object value) in metadata)
        {
            writer.AddMetadata(key, value);
        }
        const int Rows = 700, Columns = 256;
        writer.AddTensor("wide", GgmlType.F32, [Rows, Columns], (first, values) =>
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = first + i;
            }
        });
        writer.AddTensor("blocks", GgmlType.Q8_0, [2, 32], Enumerable.Range(0, 64).Select(i => i % 32 * 4f + 3).ToArray());
        writer.AddTensor("scalar", GgmlType.F16, [], new[] { 0.5f });
        writer.Save(_folder.File("t.gguf"));

        using GgufFile file = GgufFile.Open(_folder.File("t.gguf"));
        file.Metadata.Keys.ShouldBe(metadata.Select(pair => pair.Item1));
        foreach ((string key, object value) in metadata)
        {
            file.Metadata[key].ShouldBe(value);
        }
        file.GetTensor("wide").Shape.ToArray().ShouldBe([Rows, Columns]);
        file.ReadFloats("wide").ShouldBe([.. Enumerable.Range(0, Rows * Columns).Select(i => (float)i)]);
        file.GetTensor("blocks").Type.Name.ShouldBe("Q8_0");
        file.ReadFloats("blocks")[31].ShouldBe(127, 0.1f);
        file.ReadFloats("scalar").ShouldBe([0.5f]);
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.TQ2_0)]
    public void Rows_in_place_multiply_as_the_values_do(GgmlType type)
    {
        const int Rows = 7, Columns = 256;
        var random = new Random(3);
        var writer = new GgufWriter();
        writer.AddTensor("first", GgmlType.F32, [1], new[] { 9f });
        writer.AddTensor("w", type, [Rows, Columns], (_, part) =>
        {
            for (int i = 0; i < part.Length; i++)
            {
                part[i] = random.NextSingle() - 0.5f;
            }
        });
        writer.Save(_folder.File("t.gguf"));
        GgufFile file = GgufFile.Open(_folder.File("t.gguf"));
        float[] values = file.ReadFloats("w");
        using StoredMatrix matrix = StoredMatrix.Create(Columns, SimdPaths.Best, file.GetTensor("w").AsRows());
        file.Dispose();

        var product = new float[Rows];
        float[] vector = [.. Enumerable.Range(0, Columns).Select(i => i % 5 - 2f)];
        matrix.Multiply(vector, Columns, 1, product, Rows, threads: 1);

        for (int row = 0; row < Rows; row++)
        {
            double expected = Enumerable.Range(0, Columns).Sum(i => (double)values[row * Columns + i] * vector[i]);
            product[row].ShouldBe((float)expected, 1e-3f);
        }
    }

    [Fact]
    public void What_cannot_be_written_is_refused()
    {
        var writer = new GgufWriter();
        writer.AddMetadata("a", 1);
        Should.Throw<ArgumentException>(() => writer.AddMetadata("a", 2)).Message.ShouldContain("'a' is taken");
        Should.Throw<ArgumentException>(() => writer.AddMetadata("b", DateTime.UnixEpoch)).Message.ShouldContain("DateTime");
        writer.AddTensor("t", GgmlType.F32, [1], new float[1]);
        Should.Throw<ArgumentException>(() => writer.AddTensor("t", GgmlType.F32, [1], new float[1])).Message.ShouldContain("'t' is taken");
        Should.Throw<ArgumentException>(() => writer.AddTensor("u", GgmlType.F32, [2], new float[1])).Message.ShouldContain("holds 2 values, 1");
        Should.Throw<ArgumentException>(() => writer.AddTensor("u", GgmlType.Q4_0, [33], new float[33])).Message.ShouldContain("multiple of 32");
        Should.Throw<ArgumentException>(() => writer.AddTensor("u", GgmlType.IQ2_XS, [256], new float[256])).Message.ShouldContain("IQ2_XS");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Split_model_opens_by_any_of_its_parts(int part)
    {
        WriteParts();
        using ITensorSource source = TensorSource.Open(_folder.File($"m-0000{part}-of-00003.gguf"));
        source.ShouldBeOfType<GgufFile>().Metadata.GetString("general.architecture").ShouldBe("llama");
        source.Path.ShouldEndWith("m-00001-of-00003.gguf");
        source.Tensors.Select(tensor => tensor.Name).ShouldBe(["t0", "t1", "t2"]);
        source.ReadFloats("t2").ShouldBe([2]);
    }

    [Fact]
    public void Missing_part_is_named()
    {
        WriteParts();
        File.Delete(_folder.File("m-00002-of-00003.gguf"));
        Refusal("m-00001-of-00003.gguf").ShouldContain("'m-00002-of-00003.gguf' is missing");
    }

    [Fact]
    public void Parts_that_do_not_belong_together_are_refused()
    {
        WriteParts();
        File.Copy(_folder.File("m-00001-of-00003.gguf"), _folder.File("m-00002-of-00003.gguf"), overwrite: true);
        Refusal("m-00001-of-00003.gguf").ShouldContain("'t0' is in an earlier part too");
        WritePart(2, name: 2, tensors: 3, number: 2);
        Refusal("m-00001-of-00003.gguf").ShouldContain("split.no is 2");
        WritePart(2, name: 2, tensors: 3);
        File.Delete(_folder.File("m-00003-of-00003.gguf"));
        WritePart(3, name: 3, tensors: 3, tensorName: null);
        Refusal("m-00001-of-00003.gguf").ShouldContain("hold 2 tensors, split.tensors.count says 3");
        File.Move(_folder.File("m-00001-of-00003.gguf"), _folder.File("other.gguf"));
        Refusal("other.gguf").ShouldContain("part 1 of 3");
    }

    private string Refusal(string name) => Should.Throw<ModelFormatException>(() => GgufFile.Open(_folder.File(name)).Dispose()).Message;

    private void WriteParts()
    {
        for (int part = 1; part <= 3; part++)
        {
            WritePart(part, part, tensors: 3);
        }
    }

    private void WritePart(int part, int name, int tensors, int? number = null, string? tensorName = "t")
    {
        var writer = new GgufWriter();
        if (part == 1)
        {
            writer.AddMetadata("general.architecture", "llama");
        }
        writer.AddMetadata("split.no", (ushort)(number ?? part - 1));
        writer.AddMetadata("split.count", (ushort)3);
        writer.AddMetadata("split.tensors.count", tensors);
        if (tensorName is not null)
        {
            writer.AddTensor($"{tensorName}{part - 1}", GgmlType.F32, [1], new[] { part - 1f });
        }
        writer.Save(_folder.File($"m-0000{name}-of-00003.gguf"));
    }
}
