using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Formats.Gguf;

public class QuantizationTests
{
    public static TheoryData<GgmlType> WritableTypes =>
        [.. Enum.GetValues<GgmlType>().Where(type => StorageType.Find(type)!.Quantize is not null)];

    [Theory]
    [InlineData(GgmlType.Q4_0)]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.Q5_0)]
    [InlineData(GgmlType.Q5_1)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.BF16)]
    [InlineData(GgmlType.TQ1_0)]
    [InlineData(GgmlType.TQ2_0)]
    [InlineData(GgmlType.MXFP4)]
    public void Bytes_equal_the_reference(GgmlType type)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("gguf", "dequant.safetensors"));
        float[] values = golden.ReadFloats($"{type}.quant.src");
        int[] expected = golden.ReadInt32s($"{type}.quant.raw");

        var actual = new byte[expected.Length];
        StorageType.Find(type)!.Quantize!(values, actual);

        actual.Select(value => (int)value).ShouldBe(expected);
    }

    /// <summary>Largest error allowed, in parts of the block's largest magnitude: half a step and the scale's own rounding.</summary>
    [Theory]
    [InlineData(GgmlType.F32, 0)]
    [InlineData(GgmlType.F16, 0.0005)]
    [InlineData(GgmlType.BF16, 0.004)]
    [InlineData(GgmlType.Q8_0, 0.0045)]
    [InlineData(GgmlType.Q5_0, 0.07)]
    [InlineData(GgmlType.Q5_1, 0.035)]
    [InlineData(GgmlType.Q4_0, 0.14)]
    [InlineData(GgmlType.Q4_1, 0.07)]
    [InlineData(GgmlType.Q4_K, 0.12)]
    [InlineData(GgmlType.MXFP4, 0.25)]
    [InlineData(GgmlType.TQ1_0, 0.5)]
    [InlineData(GgmlType.TQ2_0, 0.5)]
    public void Values_come_back_within_half_a_step(GgmlType type, double bound)
    {
        StorageType storage = StorageType.Find(type)!;
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, 20 * 256).Select(i => (float)((random.NextDouble() - 0.4) * Math.Pow(4, i / 256 % 5)))];
        float[] actual = RoundTrip(storage, values);
        for (int i = 0; i < values.Length; i++)
        {
            int first = i / storage.BlockLength * storage.BlockLength;
            float largest = storage.BlockLength == 1 ? Math.Abs(values[i]) : values.AsSpan(first, storage.BlockLength).ToArray().Max(Math.Abs);
            (Math.Abs(actual[i] - values[i]) / largest).ShouldBeLessThanOrEqualTo((float)bound, $"value {i}");
        }
    }

    [Theory]
    [MemberData(nameof(WritableTypes))]
    public void Zeros_come_back_as_zeros(GgmlType type) =>
        RoundTrip(StorageType.Find(type)!, new float[512]).ShouldAllBe(value => value == 0);

    private static float[] RoundTrip(StorageType type, float[] values)
    {
        var bytes = new byte[values.Length / type.BlockLength * type.BlockBytes];
        type.Quantize!(values, bytes);
        var actual = new float[values.Length];
        type.ToSingle!(bytes, actual);
        return actual;
    }
}
