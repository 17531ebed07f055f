using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public unsafe class SoftmaxKernelTests
{
    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Four_rows_have_the_bits_of_single_ones(SimdPath path)
    {
        foreach (int vectors in new[] { 1, 2, 3, 8 })
        {
            switch (path)
            {
                case SimdPath.Vector512:
                    Compare<Kernel512>(vectors);
                    break;
                case SimdPath.Vector256:
                    Compare<Kernel256>(vectors);
                    break;
                default:
                    Compare<KernelScalar>(vectors);
                    break;
            }
        }
    }

    private static void Compare<TKernel>(int vectors)
        where TKernel : IKernelPath
    {
        int count = vectors * TKernel.Lanes, stride = count + TKernel.Lanes;
        var random = new Random(vectors);
        float[] together = [.. Enumerable.Range(0, 4 * stride).Select(_ => 20 * random.NextSingle() - 10)], single = [.. together];
        float[] maxima = new float[4], sums = [0, 1, 2, 3];
        fixed (float* rows = together, others = single, maximum = maxima, sum = sums)
        {
            TKernel.MaxFour(rows, stride, count, maximum);
            for (int i = 0; i < 4; i++)
            {
                maxima[i].ShouldBe(single.Skip(i * stride).Take(count).Max());
            }
            TKernel.ExpFour(rows, stride, count, maximum, sum);
            for (int i = 0; i < 4; i++)
            {
                float[] logits = single[(i * stride)..(i * stride + count)];
                sums[i].ShouldBe(i + TKernel.ExpSum(others + i * stride, maxima[i], count));
                ((double)sums[i]).ShouldBe(i + logits.Sum(logit => Math.Exp(logit - maxima[i])), 1e-5);
            }
        }
        together.ShouldBe(single);
    }
}
