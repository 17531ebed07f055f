using System.Collections.Concurrent;

namespace Prescore.Models.Layers;

/// <summary>
/// Learned embeddings of the CLS token's and the patches' positions. For another number of patches the square grid of the
/// trained ones is resized by cubic convolution with a = −0.75 (half-pixel centres, edges clamped, no antialiasing), as
/// torch's bicubic <c>interpolate</c> does. Safe to share between threads.
/// </summary>
public sealed class PositionGrid
{
    private const double A = -0.75;

    private readonly float[] _trained;
    private readonly int _side;
    private readonly int _hidden;
    private readonly ConcurrentDictionary<(int Rows, int Columns), float[]> _resized = [];

    /// <summary>Takes trained embeddings.</summary>
    /// <param name="trained">[1 + side², hidden], CLS first, then the patches row by row; not copied.</param>
    /// <param name="side">Patches a side.</param>
    /// <param name="hidden">Width of the residual stream.</param>
    /// <exception cref="ArgumentException">Another number of values.</exception>
    public PositionGrid(float[] trained, int side, int hidden)
    {
        if (trained.LongLength != (1 + (long)side * side) * hidden)
        {
            throw new ArgumentException($"{trained.Length} values are not positions of 1 + {side}² tokens", nameof(trained));
        }
        (_trained, _side, _hidden) = (trained, side, hidden);
        _resized[(side, side)] = trained;
    }

    /// <summary>Embeddings [1 + rows · columns, hidden] of a grid of patches; the caller does not change them.</summary>
    public float[] For(int rows, int columns) => _resized.GetOrAdd((rows, columns), size => Resize(size.Rows, size.Columns));

    private float[] Resize(int rows, int columns)
    {
        var result = new float[checked((1 + rows * columns) * _hidden)];
        _trained.AsSpan(0, _hidden).CopyTo(result);
        (int[] Index, double[] Weight)[] down = Taps(rows), across = Taps(columns);
        Parallel.For(0, rows, row =>
        {
            var sum = new double[_hidden];
            for (int column = 0; column < columns; column++)
            {
                Array.Clear(sum);
                for (int i = 0; i < 16; i++)
                {
                    double weight = down[row].Weight[i / 4] * across[column].Weight[i % 4];
                    ReadOnlySpan<float> source = _trained.AsSpan((1 + down[row].Index[i / 4] * _side + across[column].Index[i % 4]) * _hidden, _hidden);
                    for (int l = 0; l < sum.Length; l++)
                    {
                        sum[l] += weight * source[l];
                    }
                }
                Span<float> target = result.AsSpan((1 + row * columns + column) * _hidden, _hidden);
                for (int l = 0; l < sum.Length; l++)
                {
                    target[l] = (float)sum[l];
                }
            }
        });
        return result;
    }

    /// <summary>The four trained rows (or columns) around each new one and their weights.</summary>
    private (int[] Index, double[] Weight)[] Taps(int count) => [.. Enumerable.Range(0, count).Select(i =>
    {
        double source = (i + 0.5) * _side / count - 0.5;
        int floor = (int)Math.Floor(source);
        double t = source - floor;
        int[] index = [.. Enumerable.Range(floor - 1, 4).Select(j => Math.Clamp(j, 0, _side - 1))];
        return (index, new[] { Outer(1 + t), Inner(t), Inner(1 - t), Outer(2 - t) });
    })];

    /// <summary>The kernel at distances 0 … 1.</summary>
    private static double Inner(double x) => ((A + 2) * x - (A + 3)) * x * x + 1;

    /// <summary>The kernel at distances 1 … 2.</summary>
    private static double Outer(double x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
}
