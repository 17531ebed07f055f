using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

public partial class ScreeningTests
{
    /// <summary>Clusters with random keys and codes that are rounded coordinates of the keys.</summary>
    private sealed class Clusters : IDisposable
    {
        private readonly KeyRegion[] _regions;
        private readonly KeySketches[] _sketches;
        private readonly double[][][] _keys;
        private readonly double[][][] _values;

        public Clusters(SimdPath path, int d, int dv, int rank, bool weighted, KeyValueStorage storage, int[] sizes, int seed, int sign = 1)
        {
            (Path, Dimension, ValueDimension, Rank, Sizes) = (path, d, dv, rank, sizes);
            var random = new Random(seed);
            Set = new CentroidSet(path, d, dv);
            Set.Resize(0, sizes.Length);
            _regions = [.. sizes.Select(_ => KeyRegion.Create(path, d, dv, storage, weighted, KeyOrder.Rows))];
            _sketches = [.. sizes.Select(_ => new KeySketches(rank))];
            _keys = new double[sizes.Length][][];
            _values = new double[sizes.Length][][];
            LogWeights = new double[sizes.Length][];
            Codes = new sbyte[sizes.Length][][];
            MeanKeys = new double[sizes.Length][];
            for (int c = 0; c < sizes.Length; c++)
            {
                float[] centre = Row(random, d, 1);
                float[][] keys = [.. Enumerable.Range(0, sizes[c]).Select(_ => Row(random, d, 0.5f).Zip(centre, (a, b) => a + b).ToArray())];
                float[][] values = [.. Enumerable.Range(0, sizes[c]).Select(_ => Row(random, dv, 1))];
                float[] logWeights = [.. keys.Select(_ => weighted ? random.NextSingle() * 4 - 2 : 0)];
                for (int i = 0; i < sizes[c]; i++)
                {
                    _regions[c].Append(keys[i], values[i], logWeights[i]);
                }
                double[] Stored(float[] row) => [.. row.Select(x => storage == KeyValueStorage.Fp16 ? (double)(Half)x : x)];
                _keys[c] = [.. keys.Select(Stored)];
                _values[c] = [.. values.Select(Stored)];
                LogWeights[c] = [.. logWeights.Select(x => (double)x)];
                double weight = LogWeights[c].Sum(Math.Exp);
                MeanKeys[c] = Mean(_keys[c], LogWeights[c], weight, d);
                Set.Set(c, [.. MeanKeys[c].Select(x => (float)x)], [.. Mean(_values[c], LogWeights[c], weight, dv).Select(x => (float)x)], sizes[c], (float)Math.Log(weight));
                Codes[c] = [.. _keys[c].Select(key => Enumerable.Range(0, rank).Select(i =>
                    (sbyte)Math.Clamp(Math.Round(i < d ? sign * 10 * (key[i] - MeanKeys[c][i]) : random.Next(-2, 3)), -15, 15)).ToArray())];
                foreach (sbyte[] code in Codes[c])
                {
                    _sketches[c].Append(code);
                }
            }
        }

        public SimdPath Path { get; }

        public int Dimension { get; }

        public int ValueDimension { get; }

        public int Rank { get; }

        public int[] Sizes { get; }

        public int Keys => Sizes.Sum();

        public CentroidSet Set { get; }

        public sbyte[][][] Codes { get; }

        public double[][] LogWeights { get; }

        public double[][] MeanKeys { get; }

        public double[] Key(int cluster, int slot) => _keys[cluster][slot];

        public double[] Value(int cluster, int slot) => _values[cluster][slot];

        public KeyRegion Region(int cluster) => _regions[cluster];

        public KeySketches Sketches(int cluster) => _sketches[cluster];

        public void Dispose()
        {
            foreach (IDisposable held in _regions.Cast<IDisposable>().Concat(_sketches))
            {
                held.Dispose();
            }
            Set.Dispose();
        }

        private static double[] Mean(double[][] rows, double[] logWeights, double weight, int length) =>
            [.. Enumerable.Range(0, length).Select(l => rows.Select((row, i) => Math.Exp(logWeights[i]) * row[l]).Sum() / weight)];
    }
}
