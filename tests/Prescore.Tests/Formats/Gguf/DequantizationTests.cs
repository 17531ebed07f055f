using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Formats.Gguf;

public class DequantizationTests
{
    public static TheoryData<GgmlType> ReadableTypes =>
        [.. Enum.GetValues<GgmlType>().Where(type => type is not (GgmlType.F32 or GgmlType.F64) && StorageType.Find(type) is { IsFloat: true })];

    [Theory]
    [MemberData(nameof(ReadableTypes))]
    public void Values_equal_the_reference_bit_for_bit(GgmlType type)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("gguf", "dequant.safetensors"));
        byte[] raw = [.. golden.ReadInt32s($"{type}.raw").Select(value => (byte)value)];
        float[] expected = golden.ReadFloats($"{type}.f32");
        StorageType info = StorageType.Find(type)!;
        (raw.Length / info.BlockBytes * info.BlockLength).ShouldBe(expected.Length);

        var actual = new float[expected.Length];
        actual.AsSpan().Fill(float.NaN);
        info.ToSingle!(raw, actual);

        Bits(actual).ShouldBe(Bits(expected));
    }

    [Theory]
    [MemberData(nameof(ReadableTypes))]
    public void Values_are_finite_exactly_if_the_scales_are(GgmlType type)
    {
        StorageType info = StorageType.Find(type)!;
        var random = new Random(8);
        var values = new float[info.BlockLength];
        var block = new byte[info.BlockBytes];
        for (int i = 0; i < 200 && info.HalfScales.Length > 0; i++)
        {
            random.NextBytes(block);
            // The largest finite half, so that nothing else of a block can make a value overflow.
            foreach (int offset in info.HalfScales)
            {
                BitConverter.TryWriteBytes(block.AsSpan(offset), i % 2 == 0 ? Half.MaxValue : Half.MinValue);
            }
            info.ToSingle!(block, values);
            values.ShouldAllBe(value => float.IsFinite(value));

            int damaged = info.HalfScales[random.Next(info.HalfScales.Length)];
            BitConverter.TryWriteBytes(block.AsSpan(damaged), i % 3 == 0 ? Half.NaN : i % 3 == 1 ? Half.PositiveInfinity : Half.NegativeInfinity);
            info.ToSingle!(block, values);
            values.ShouldContain(value => !float.IsFinite(value));
        }
    }

    [Fact]
    public void Block_sizes_equal_the_reference()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("gguf", "dequant.safetensors"));
        golden.Metadata.Count.ShouldBe(25);
        foreach ((string name, string layout) in golden.Metadata)
        {
            StorageType info = StorageType.Find(Enum.Parse<GgmlType>(name)).ShouldNotBeNull(name);
            layout.ShouldBe($"ggml type {(int)info.Ggml!}, {info.BlockLength} values in {info.BlockBytes} bytes");
        }
    }

    [Fact]
    public void Table_knows_every_type()
    {
        foreach (GgmlType type in Enum.GetValues<GgmlType>())
        {
            StorageType.Find(type).ShouldNotBeNull(type.ToString());
        }
        StorageType.Find((GgmlType)250).ShouldBeNull();
    }

    private static uint[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToUInt32Bits)];
}
