namespace Prescore.Scheduling;

/// <summary>One of several independent pieces of work that go in stages of independent items.</summary>
internal interface IWorkChain<in TWorkspace>
{
    /// <summary>Goes on to the next stage, when all items of the last are done; returns its number of items, 0 at the end.</summary>
    int NextStage();

    /// <summary>Does one item of the current stage.</summary>
    void Run(int item, TWorkspace workspace);
}

/// <summary>
/// Runs chains side by side on a bounded number of threads. No thread waits for a chain while another has items: there is
/// no barrier between stages but within a chain.
/// </summary>
internal static class ParallelChains
{
    /// <summary>Runs all chains to their end.</summary>
    /// <param name="chains">The chains.</param>
    /// <param name="threads">Largest number of threads.</param>
    /// <param name="rent">Gives a thread its workspace.</param>
    /// <param name="giveBack">Takes it back.</param>
    /// <param name="cancellationToken">Stops the work between items.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; items under way were finished.</exception>
    public static void Run<TWorkspace>(
        IReadOnlyList<IWorkChain<TWorkspace>> chains,
        int threads,
        Func<TWorkspace> rent,
        Action<TWorkspace> giveBack,
        CancellationToken cancellationToken)
    {
        var schedule = new Schedule<TWorkspace>(chains);
        ParallelItems.Run(
            Math.Max(1, threads),
            threads,
            rent,
            (workspace, _) => schedule.Work(workspace, cancellationToken),
            giveBack,
            cancellationToken);
    }

    private sealed class Schedule<TWorkspace>
    {
        private readonly Lock _lock = new();
        private readonly Queue<(int Chain, int Item)> _ready = new();
        private readonly IReadOnlyList<IWorkChain<TWorkspace>> _chains;
        private readonly int[] _unfinished;
        private volatile int _runningChains;
        private volatile int _readyItems;
        private volatile bool _stopped;

        public Schedule(IReadOnlyList<IWorkChain<TWorkspace>> chains)
        {
            _chains = chains;
            _unfinished = new int[chains.Count];
            _runningChains = chains.Count;
            for (int chain = 0; chain < chains.Count; chain++)
            {
                // Item −1 only starts the chain.
                _unfinished[chain] = 1;
                _ready.Enqueue((chain, -1));
            }
            _readyItems = chains.Count;
        }

        public void Work(TWorkspace workspace, CancellationToken cancellationToken)
        {
            try
            {
                while (TryTake(out int chain, out int item))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (item >= 0)
                    {
                        _chains[chain].Run(item, workspace);
                    }
                    if (Interlocked.Decrement(ref _unfinished[chain]) == 0)
                    {
                        Advance(chain);
                    }
                }
            }
            catch
            {
                _stopped = true;
                throw;
            }
        }

        private void Advance(int chain)
        {
            int items = _chains[chain].NextStage();
            lock (_lock)
            {
                if (items == 0)
                {
                    _runningChains--;
                    return;
                }
                _unfinished[chain] = items;
                for (int item = 0; item < items; item++)
                {
                    _ready.Enqueue((chain, item));
                }
                _readyItems += items;
            }
        }

        /// <summary>The next ready item; waits while other threads may still make some. False at the end of all chains.</summary>
        private bool TryTake(out int chain, out int item)
        {
            var wait = new SpinWait();
            while (!_stopped)
            {
                if (_readyItems > 0)
                {
                    lock (_lock)
                    {
                        if (_ready.TryDequeue(out (int Chain, int Item) next))
                        {
                            _readyItems--;
                            (chain, item) = next;
                            return true;
                        }
                    }
                }
                if (_runningChains == 0)
                {
                    break;
                }
                // Never asleep: who waits for all threads at the end would wait for that, a millisecond, too.
                wait.SpinOnce(sleep1Threshold: -1);
            }
            (chain, item) = (0, 0);
            return false;
        }
    }
}
