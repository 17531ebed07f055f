using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Prescore.Scheduling;

/// <summary>
/// Threads that stay awake for a moment after their last work. Decoding a token is hundreds of parallel steps of some ten
/// microseconds each; to wake a thread of the pool takes as long as such a step. The caller never waits for a thread that
/// has not begun: what nobody else takes it does itself.
/// </summary>
internal sealed class WorkCrew
{
    /// <summary>How long a thread looks for new work before it sleeps: longer than what lies between two steps of decoding.</summary>
    private static readonly long AwakeTicks = Stopwatch.Frequency / 10_000;

    private readonly Lock _idle = new();
    private readonly object _sleep = new();
    private readonly int _size;
    private int _threads;
    private int _sleeping;
    private int _generation;
    private volatile Job? _job;

    /// <summary>A crew of at most <paramref name="size"/> threads beside the caller's; they start when they are first wanted.</summary>
    public WorkCrew(int size)
    {
        _size = size;
    }

    /// <summary>The process's crew: with the caller one thread a processor.</summary>
    public static WorkCrew Shared { get; } = new(Environment.ProcessorCount - 1);

    /// <summary>
    /// Runs <paramref name="work"/> on this thread and on up to <paramref name="helpers"/> others at once; each call of it
    /// must return when there is nothing left to do. Returns false, having done nothing, where the crew is at work already.
    /// </summary>
    public bool TryRun(int helpers, Action work)
    {
        if (_idle.IsHeldByCurrentThread || !_idle.TryEnter())
        {
            return false;
        }
        try
        {
            helpers = Math.Min(helpers, _size);
            for (; _threads < helpers; _threads++)
            {
                new Thread(Live) { IsBackground = true, Name = "Prescore" }.Start();
            }
            var job = new Job(work, helpers);
            _job = job;
            Interlocked.Increment(ref _generation);
            if (Volatile.Read(ref _sleeping) > 0)
            {
                lock (_sleep)
                {
                    Monitor.PulseAll(_sleep);
                }
            }
            job.Run();
            _job = null;
            job.Close();
        }
        finally
        {
            _idle.Exit();
        }
        return true;
    }

    private void Live()
    {
        int seen = 0;
        while (true)
        {
            seen = NextGeneration(seen);
            if (_job is Job job && job.TryJoin())
            {
                job.Run();
                job.Leave();
            }
        }
    }

    private int NextGeneration(int seen)
    {
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetTimestamp() - began < AwakeTicks; Thread.SpinWait(4))
        {
            if (Volatile.Read(ref _generation) != seen)
            {
                return Volatile.Read(ref _generation);
            }
        }
        // Counted as sleeping before the last look, so that who gives out work either is seen or sees this.
        Interlocked.Increment(ref _sleeping);
        lock (_sleep)
        {
            while (Volatile.Read(ref _generation) == seen)
            {
                Monitor.Wait(_sleep);
            }
        }
        Interlocked.Decrement(ref _sleeping);
        return Volatile.Read(ref _generation);
    }

    /// <summary>One call of <see cref="TryRun"/>.</summary>
    private sealed class Job(Action work, int places)
    {
        private const int Closed = 1 << 30;

        private readonly Lock _lock = new();
        private Exception? _error;
        private int _joined;
        private int _left;

        /// <summary>Takes a place; false where there is none, or no longer.</summary>
        public bool TryJoin()
        {
            for (int joined = Volatile.Read(ref _joined); joined < places;)
            {
                int found = Interlocked.CompareExchange(ref _joined, joined + 1, joined);
                if (found == joined)
                {
                    return true;
                }
                joined = found;
            }
            return false;
        }

        public void Run()
        {
            try
            {
                work();
            }
            catch (Exception error)
            {
                lock (_lock)
                {
                    // That others stopped because of it is no reason.
                    _error = _error is null or OperationCanceledException ? error : _error;
                }
            }
        }

        public void Leave() => Interlocked.Increment(ref _left);

        /// <summary>Lets nobody in any more, waits for those inside, and throws what was thrown.</summary>
        public void Close()
        {
            int joined = Interlocked.Or(ref _joined, Closed);
            var wait = new SpinWait();
            while (Volatile.Read(ref _left) < joined)
            {
                // Never asleep: the least that the system sleeps is longer than most steps.
                wait.SpinOnce(sleep1Threshold: -1);
            }
            if (_error is not null)
            {
                ExceptionDispatchInfo.Throw(_error);
            }
        }
    }
}
