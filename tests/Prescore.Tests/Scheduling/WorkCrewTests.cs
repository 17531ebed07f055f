using Prescore.Scheduling;

namespace Prescore.Tests.Scheduling;

public class WorkCrewTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Every_item_is_done_once_however_many_threads_there_are(int size)
    {
        var crew = new WorkCrew(size);
        for (int run = 0; run < 2000; run++)
        {
            var done = new int[run % 40];
            int next = -1;
            crew.TryRun(5, () =>
            {
                for (int item; (item = Interlocked.Increment(ref next)) < done.Length;)
                {
                    done[item]++;
                }
            }).ShouldBeTrue();
            done.ShouldAllBe(count => count == 1);
        }
    }

    [Fact]
    public void All_threads_take_part_also_after_they_slept()
    {
        var crew = new WorkCrew(3);
        for (int run = 0; run < 3; run++)
        {
            var seen = new HashSet<int>();
            using var all = new CountdownEvent(4);
            crew.TryRun(3, () =>
            {
                lock (seen)
                {
                    seen.Add(Environment.CurrentManagedThreadId);
                }
                all.Signal();
                all.Wait(TestContext.Current.CancellationToken);
            });
            seen.Count.ShouldBe(4);
            Thread.Sleep(20);
        }
    }

    [Fact]
    public void No_more_threads_take_part_than_are_wanted()
    {
        var crew = new WorkCrew(3);
        for (int run = 0; run < 200; run++)
        {
            int calls = 0;
            crew.TryRun(1, () =>
            {
                Interlocked.Increment(ref calls);
                Thread.SpinWait(200);
            });
            calls.ShouldBeInRange(1, 2);
        }
    }

    [Fact]
    public void A_crew_at_work_takes_nothing_else()
    {
        var crew = new WorkCrew(2);
        crew.TryRun(0, () =>
        {
            crew.TryRun(2, () => throw new InvalidOperationException("nothing is run")).ShouldBeFalse();
            Task.Run(() => crew.TryRun(2, () => { })).Result.ShouldBeFalse();
        }).ShouldBeTrue();
        crew.TryRun(2, () => { }).ShouldBeTrue();
    }

    [Fact]
    public void The_first_error_is_thrown_when_all_have_stopped_and_the_crew_goes_on()
    {
        var crew = new WorkCrew(1);
        int inside = 0;
        using var both = new CountdownEvent(2);
        Should.Throw<ArithmeticException>(() => crew.TryRun(1, () =>
        {
            Interlocked.Increment(ref inside);
            try
            {
                both.Signal();
                both.Wait(TestContext.Current.CancellationToken);
                throw Thread.CurrentThread.Name == "Prescore" ? new ArithmeticException() : new OperationCanceledException();
            }
            finally
            {
                Interlocked.Decrement(ref inside);
            }
        }));
        inside.ShouldBe(0);
        crew.TryRun(1, () => { }).ShouldBeTrue();
    }

    [Fact]
    public void Items_within_items_are_all_done()
    {
        var done = new int[12];
        ParallelItems.Run(4, threads: 3, outer => ParallelItems.Run(3, threads: 2, inner => Interlocked.Increment(ref done[outer * 3 + inner])));
        done.ShouldAllBe(count => count == 1);
    }
}
