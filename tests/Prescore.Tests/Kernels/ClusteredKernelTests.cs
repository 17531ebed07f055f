using CsCheck;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Tests.Kernels;

/// <summary>The inner loops of Clustered attention against plain ones, on every path.</summary>
public unsafe class ClusteredKernelTests
{
    private const int Keys = SketchTile.Keys;

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    /// <summary>Every product that levels and codes can have, up to the largest, and tiles with any number of keys.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Screening_finds_the_keys_with_products_of_at_least_the_least(SimdPath path) =>
        Gen.Select(Gen.Int[1, 16], Gen.Int[1, Keys], Gen.Int[0, 100_000]).Sample((quads, present, seed) =>
        {
            int rank = 4 * quads;
            var random = new Random(seed);
            using var memory = new Tile(rank, present, random, largest: seed % 3 == 0);
            using NativeBuffer coordinates = NativeBuffer.Rent(SketchTile.LargestRank);
            var rows = new Rows(rank, 20, random, seed % 4 == 1);
            ushort* lists = stackalloc ushort[32 * 2 * Keys];
            short* products = stackalloc short[32 * 2 * Keys];
            int* counts = stackalloc int[32], candidates = stackalloc int[20];
            new Span<int>(counts, 32).Clear();
            int[] least = [.. Enumerable.Range(0, 20).Select(_ => random.Next(3) == 0 ? 0 : random.Next(-32767, 32768))];
            for (int i = 0; i < 20; i++)
            {
                candidates[i] = i << 16 | (least[i] & 0xFFFF);
            }
            int[] candidate = [.. Enumerable.Range(0, 20).Where(_ => random.Next(4) > 0)];
            for (int i = 0; i < candidate.Length; i++)
            {
                candidates[i] = candidate[i] << 16 | (least[candidate[i]] & 0xFFFF);
            }
            ClusteredKernels kernels = ClusteredKernels.Of(path);
            int found = kernels.ScreenTile(memory.Bytes, rank / 2, candidates, candidate.Length, rows.Sketches, lists, 2 * Keys, counts, products);
            int expected = 0;
            foreach (int row in candidate)
            {
                int[] hits = [.. Enumerable.Range(0, present).Where(key => memory.Product(key, rows.Levels[row]) >= least[row])];
                new ReadOnlySpan<ushort>(lists + row * 2 * Keys, counts[row]).ToArray().ShouldBe(hits.Select(key => (ushort)(1000 + key)));
                new ReadOnlySpan<short>(products + row * 2 * Keys, counts[row]).ToArray().ShouldBe(hits.Select(key => (short)memory.Product(key, rows.Levels[row])));
                expected += hits.Length;
            }
            found.ShouldBe(expected);
            // Without products, behind what is there.
            kernels.ScreenTile(memory.Bytes, rank / 2, candidates, candidate.Length, rows.Sketches, lists, 2 * Keys, counts, null).ShouldBe(expected);
            Enumerable.Range(0, 20).Sum(row => counts[row]).ShouldBe(2 * expected);
        }, iter: 200, threads: 1);

    /// <summary>Rows within reach are those of the definition, and all keys compared are counted.</summary>
    [Fact]
    public void Reaching_rows_are_those_of_the_definition() =>
        Gen.Select(Gen.Int[1, 16], Gen.Int[1, Keys], Gen.Int[0, 100_000]).Sample((quads, present, seed) =>
        {
            int rank = 4 * quads;
            var random = new Random(seed);
            using Tile first = new(rank, present, random, largest: false), second = new(rank, Keys, random, largest: false);
            var rows = new Rows(rank, 20, random, none: false);
            float* logits = stackalloc float[32];
            for (int i = 0; i < 20; i++)
            {
                rows.Values.Thresholds[i] = (float)(random.NextDouble() * 6 - 2);
                logits[i] = (float)random.NextDouble();
            }
            rows.Values.SetLeast(logits, 0.25f);
            int* found = stackalloc int[64], other = stackalloc int[64];
            (int count, int otherCount) = rows.Values.Reaching(first.Radii, present, second.Radii, Keys, found, other);
            int[] Expected(Tile tile) => [.. Enumerable.Range(0, 20).Where(row => tile.Reaches(rows.Levels[row], rows.Values.Least[row]))];
            int[] Found(int* packed, int n) => [.. new ReadOnlySpan<int>(packed, n).ToArray().Select(x => x >> 16)];
            Found(found, count).ShouldBe(Expected(first));
            Found(other, otherCount).ShouldBe(Expected(second));
            for (int row = 0; row < 20; row++)
            {
                double least = Math.Ceiling((rows.Values.Thresholds[row] - (logits[row] + 0.25f)) * rows.Values.PerSteps[row]);
                ((double)rows.Values.Least[row]).ShouldBe(least, 1);
                rows.Values.Screened[row].ShouldBe((Expected(first).Contains(row) ? present : 0) + (Expected(second).Contains(row) ? Keys : 0));
                rows.Values.Reaches(row, first.Radii, rows.Values.Least[row]).ShouldBe(Expected(first).Contains(row));
            }
        }, iter: 200, threads: 1);

    [Theory]
    [MemberData(nameof(Paths))]
    public void Logits_and_running_sums_are_those_of_the_codes(SimdPath path)
    {
        ClusteredKernels kernels = ClusteredKernels.Of(path);
        var random = new Random(4);
        foreach (int stride in new[] { 32, 64, 96, 128 })
        {
            short[] keys = [.. Enumerable.Range(0, 50 * stride).Select(_ => (short)random.Next(-8191, 8192))];
            short[] query = [.. Enumerable.Range(0, stride).Select(_ => (short)random.Next(-2047, 2048))];
            foreach (int count in new[] { 0, 1, 15, 16, 17, 40 })
            {
                ushort[] list = [.. Enumerable.Range(0, count).Select(_ => (ushort)random.Next(50)), .. new ushort[16]];
                float[] scales = [.. list.SelectMany(_ => new[] { MathF.ScaleB(1, random.Next(-3, 3)), float.NaN }), .. new float[32]];
                float[] logits = new float[count + 32], sums = new float[count + 33];
                float largest;
                fixed (short* k = keys, q = query)
                fixed (ushort* l = list)
                fixed (float* s = scales, x = logits, y = sums)
                {
                    largest = kernels.SelectedLogits(l, count, q, stride, 1e-7f, 0.5f, k, s, x, y);
                }
                double running = 0, most = double.NegativeInfinity;
                for (int i = 0; i < count; i++)
                {
                    double expected = Enumerable.Range(0, stride).Sum(c => (double)query[c] * keys[list[i] * stride + c]) * scales[2 * i] * 1e-7 - 0.5;
                    running += expected;
                    most = Math.Max(most, expected);
                    ((double)logits[i]).ShouldBe(expected, 1e-5);
                    ((double)sums[i + 1]).ShouldBe(running, 1e-4);
                }
                (count == 0 ? float.IsNegativeInfinity(largest) : Math.Abs(largest - most) < 1e-5).ShouldBeTrue();
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Values_are_added_with_their_weights(SimdPath path)
    {
        ClusteredKernels kernels = ClusteredKernels.Of(path);
        var random = new Random(5);
        foreach (int stride in new[] { 32, 64, 96, 160 })
        {
            short[] values = [.. Enumerable.Range(0, 50 * stride).Select(_ => (short)random.Next(-32767, 32768))];
            foreach (int count in new[] { 0, 1, 2, 7, 40 })
            {
                ushort[] list = [.. Enumerable.Range(0, count).Select(_ => (ushort)random.Next(50)), 0];
                float[] weights = [.. Enumerable.Range(0, count).Select(_ => random.NextSingle()), 0];
                float[] output = [.. Enumerable.Range(0, stride).Select(_ => random.NextSingle())];
                double[] expected = [.. output.Select((x, c) => x + Enumerable.Range(0, count).Sum(i => (double)weights[i] * values[list[i] * stride + c]))];
                fixed (short* v = values)
                fixed (ushort* l = list)
                fixed (float* w = weights, y = output)
                {
                    kernels.AddSelected(l, count, w, v, stride, y);
                }
                for (int c = 0; c < stride; c++)
                {
                    ((double)output[c]).ShouldBe(expected[c], 0.1);
                }
            }
        }
    }

    /// <summary>A tile with random codes.</summary>
    private sealed class Tile : IDisposable
    {
        private readonly sbyte[][] _codes;
        private readonly NativeBuffer _memory;
        private readonly int _rank;

        public Tile(int rank, int present, Random random, bool largest)
        {
            _rank = rank;
            _memory = NativeBuffer.Rent(SketchTile.Bytes(rank) / sizeof(float));
            // Lanes without a key hold anything before they are sealed.
            new Span<byte>(Bytes, SketchTile.Bytes(rank)).Fill(0x5A);
            _codes = [.. Enumerable.Range(0, present).Select(_ => Enumerable.Range(0, rank).Select(c => (sbyte)(largest ? 63 * (random.Next(2) * 2 - 1) : random.Next(-63, 64))).ToArray())];
            for (int key = 0; key < present; key++)
            {
                fixed (sbyte* code = _codes[key])
                {
                    SketchTile.Write(Bytes, rank, key, code, (ushort)(1000 + key));
                }
            }
            SketchTile.Seal(Bytes, rank, present);
        }

        public byte* Bytes => (byte*)_memory.Pointer;

        public float* Radii => (float*)(Bytes + SketchTile.RadiiAt(_rank));

        public int Product(int key, int[] levels) => levels.Select((level, c) => level * _codes[key][c]).Sum();

        /// <summary>1.8 deviations of the products with the longest codes in three bands, beyond the best first coordinate.</summary>
        public bool Reaches(int[] levels, float least)
        {
            (int Start, int End)[] bands = [(1, 4), (4, Math.Min(12, _rank)), (Math.Min(12, _rank), _rank)];
            float furthest = 0;
            int Squares(IEnumerable<int> numbers, (int Start, int End) band) => numbers.Skip(band.Start).Take(band.End - band.Start).Sum(x => x * x);
            foreach ((int Start, int End) band in bands)
            {
                float radius = _codes.Max(code => Squares(code.Select(x => (int)x), band));
                float square = 1.8f * 1.8f / Math.Max(1, band.End - band.Start) * Squares(levels, band);
                furthest = band.Start == 1 ? square * radius : MathF.FusedMultiplyAdd(square, radius, furthest);
            }
            float left = Math.Max(0, least - _codes.Max(code => code[0] * levels[0]));
            return left * left <= furthest;
        }

        public void Dispose() => _memory.Dispose();
    }

    /// <summary>Sketches of some rows from random coordinates.</summary>
    private sealed class Rows
    {
        private readonly NativeBuffer _memory = NativeBuffer.Rent(1 << 14);

        public Rows(int rank, int count, Random random, bool none)
        {
            var layout = new ScratchLayout((nint)_memory.Pointer);
            _memory.Clear();
            Values = new RowSketches
            {
                Rank = rank,
                Rows = 32,
                Stride = 32,
                Thresholds = layout.Take<float>(32),
                PerSteps = layout.Take<float>(32),
                Bands = layout.Take<float>(4 * 32),
                Least = layout.Take<float>(32),
                Packed = layout.Take<int>(32),
                Screened = layout.Take<int>(32),
                Sketches = layout.Take<byte>(32 * 128 + 64),
            };
            new Span<float>(Values.Thresholds, 32).Fill(float.PositiveInfinity);
            new Span<float>(Values.PerSteps, 32).Fill(1);
            int stride = (rank + 15) / 16 * 16;
            float* coordinates = layout.Take<float>(32 * 64);
            for (int row = 0; row < count; row++)
            {
                double size = Math.Pow(10, random.Next(-2, 3));
                for (int c = 0; c < rank; c++)
                {
                    coordinates[row * stride + c] = none ? 0 : (float)(size * (random.NextDouble() - 0.5) / (1 + c % (1 + row)));
                }
            }
            Values.Set(0, count, coordinates, stride);
            for (int row = 0; row < count; row++)
            {
                float[] own = new ReadOnlySpan<float>(coordinates + row * stride, rank).ToArray();
                float step = Math.Max(own.Max(Math.Abs) / 66, own.Aggregate(0f, (sum, x) => sum + Math.Abs(x)) / (32767 / 63 - rank / 2));
                Levels.Add([.. own.Select(x => step == 0 ? 0 : (int)MathF.Round(x * (1 / step)))]);
                Levels[row].ShouldAllBe(level => Math.Abs(level) <= 66);
                Levels[row].Sum(Math.Abs).ShouldBeLessThanOrEqualTo(32767 / 63);
            }
        }

        public RowSketches Values { get; }

        public byte* Sketches => Values.Sketches;

        public List<int[]> Levels { get; } = [];
    }
}
