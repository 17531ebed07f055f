using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class FmaPeakTests
{
    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Every_path_gives_a_plausible_speed(SimdPath simd) =>
        FmaPeak.MeasureGigaflops(2, simd).ShouldBeInRange(0.01, 10_000);

    [Fact]
    public void No_threads_are_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => FmaPeak.MeasureGigaflops(0, SimdPath.Scalar));
}
