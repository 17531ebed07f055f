using System.CommandLine;
using System.Globalization;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Spectre.Console;

namespace Prescore.Benchmarks.Weights;

/// <summary>
/// Products with stored weights against their two bounds: reading the weights once (one row, decoding) and the processor's
/// multiply-adds (many rows, prefill), beside weights packed as fp32.
/// </summary>
internal static class WeightsCommand
{
    private static readonly GgmlType[] Types =
    [
        GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q8_0, GgmlType.Q4_K, GgmlType.Q5_K, GgmlType.Q6_K, GgmlType.F16, GgmlType.BF16, GgmlType.F32,
    ];

    public static Command Create()
    {
        Option<int> threads = CommonOptions.Threads();
        var rows = new Option<int[]>("--rows") { Description = "Rows that are multiplied at once.", DefaultValueFactory = _ => [1, 768], AllowMultipleArgumentsPerToken = true };
        var shape = new Option<string>("--shape") { Description = "Rows × depth of the weights.", DefaultValueFactory = _ => "16384x2048" };
        var type = new Option<string>("--type") { Description = "Only this type.", DefaultValueFactory = _ => "" };
        var command = new Command("weights", "Products with weights as they are stored, against memory and the multiply-add peak.") { threads, rows, shape, type };
        command.SetAction(parsed => Run(parsed.GetValue(threads), parsed.GetValue(rows)!, parsed.GetValue(shape)!, parsed.GetValue(type)!));
        return command;
    }

    private static void Run(int threads, int[] batches, string shape, string only)
    {
        int[] sizes = [.. shape.Split('x').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        double peak = FmaPeak.MeasureGigaflops(threads, SimdPaths.Best);
        double bandwidth = ReadBandwidth.Measure(threads);
        Console.WriteLine($"{threads} threads, {SimdPaths.Best}, peak {peak:F0} GFLOPS, memory {bandwidth / 1e9:F1} GB/s, weights {sizes[0]} × {sizes[1]}");
        Table table = ReportTable.Create("weights", [.. batches.SelectMany(m => new[] { $"{m} rows ms", "GB/s", "of memory", "GFLOPS", "of peak" })]);
        foreach (GgmlType type in Types.Where(type => only.Length == 0 || type.ToString() == only))
        {
            using WeightMatrix matrix = RandomWeights.Create(StorageType.Find(type)!, sizes[0], sizes[1]);
            Add(table, type.ToString(), matrix, batches, threads, peak, bandwidth);
        }
        using (WeightMatrix packed = PackedMatrix.Pack(GaussianNumbers.Draw(1, sizes[0] * sizes[1]), sizes[0], sizes[1], SimdPaths.Best))
        {
            Add(table, "packed fp32", packed, batches, threads, peak, bandwidth);
        }
        ReportTable.Write(table);
    }

    private static void Add(Table table, string name, WeightMatrix matrix, int[] batches, int threads, double peak, double bandwidth)
    {
        var cells = new List<string> { name };
        foreach (int m in batches)
        {
            float[] input = GaussianNumbers.Draw(2, m * matrix.Depth), output = new float[m * matrix.Rows];
            double seconds = InterleavedTimer.Best(() => matrix.Multiply(input, matrix.Depth, m, output, matrix.Rows, threads));
            double gflops = 2.0 * m * matrix.Rows * matrix.Depth / seconds / 1e9;
            cells.Add(ReportTable.Milliseconds(seconds));
            cells.Add((matrix.Bytes / seconds / 1e9).ToString("F1", CultureInfo.InvariantCulture));
            cells.Add((matrix.Bytes / seconds / bandwidth).ToString("P0", CultureInfo.InvariantCulture));
            cells.Add(gflops.ToString("F0", CultureInfo.InvariantCulture));
            cells.Add((gflops / peak).ToString("P0", CultureInfo.InvariantCulture));
        }
        table.AddRow([.. cells]);
    }
}
