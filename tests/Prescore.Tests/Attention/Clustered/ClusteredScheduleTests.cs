using CsCheck;

namespace Prescore.Tests.Attention.Clustered;

public class ClusteredScheduleTests
{
    private const string Switch = "PRESCORE_LONG_TESTS";

    [Fact]
    public void Bits_do_not_depend_on_the_schedule_of_the_tokens() =>
        Gen.Int[0, 1_000_000].Sample(CacheSchedule.Check, iter: 200);

    /// <summary>A schedule in which every head is exact would show nothing of the sketches.</summary>
    [Fact]
    public void Many_schedules_screen() => Enumerable.Range(0, 30).Count(seed => CacheSchedule.Run(seed) > 0).ShouldBeGreaterThan(10);

    [Fact]
    public void Bits_do_not_depend_on_any_of_many_schedules()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Switch) == "1", $"takes long; set {Switch}=1 to run it");
        Gen.Int[0, 1_000_000].Sample(CacheSchedule.Check, iter: 2000);
    }
}
