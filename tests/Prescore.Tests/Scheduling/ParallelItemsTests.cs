using Prescore.Scheduling;

namespace Prescore.Tests.Scheduling;

public class ParallelItemsTests
{
    [Fact]
    public void Every_item_is_done_once_and_workspaces_are_given_back()
    {
        foreach (int threads in new[] { 1, 2, 7, 40 })
        {
            foreach (int count in new[] { 0, 1, 2, 100 })
            {
                for (int round = 0; round < 200; round++)
                {
                    var done = new int[count];
                    int rented = 0, returned = 0;
                    ParallelItems.Run(
                        count, threads, () => Interlocked.Increment(ref rented), (_, item) => Interlocked.Increment(ref done[item]), _ => Interlocked.Increment(ref returned));
                    done.ShouldAllBe(times => times == 1);
                    returned.ShouldBe(rented);
                    rented.ShouldBeInRange(0, Math.Max(1, Math.Min(threads, count)));
                }
            }
        }
    }

    [Fact]
    public void Items_may_run_items_and_callers_may_be_many()
    {
        long sum = 0;
        Parallel.For(0, 16, _ => ParallelItems.Run(10, 4, outer => ParallelItems.Run(10, 4, inner => Interlocked.Add(ref sum, outer * 10 + inner))));
        sum.ShouldBe(16 * 99 * 100 / 2);
    }

    [Fact]
    public void Helpers_that_sleep_are_woken()
    {
        for (int pause = 0; pause < 60; pause++)
        {
            // Around the moment at which a helper falls asleep.
            Thread.SpinWait(pause * 400);
            Thread.Sleep(pause % 3 == 0 ? 1 : 0);
            int done = 0;
            ParallelItems.Run(4, 4, _ => Interlocked.Increment(ref done));
            done.ShouldBe(4);
        }
    }

    [Fact]
    public void The_first_failure_that_is_no_cancellation_is_thrown_and_stops_the_others()
    {
        for (int round = 0; round < 50; round++)
        {
            int done = 0;
            Should.Throw<InvalidOperationException>(() => ParallelItems.Run(10_000, 4, item =>
            {
                Interlocked.Increment(ref done);
                if (item == 20)
                {
                    throw new InvalidOperationException();
                }
            }));
            done.ShouldBeLessThan(10_000);
        }
        using var cancelled = new CancellationTokenSource();
        Should.Throw<OperationCanceledException>(() => ParallelItems.Run(
            1000, 4, item =>
            {
                if (item == 5)
                {
                    cancelled.Cancel();
                }
            },
            cancelled.Token));
    }
}
