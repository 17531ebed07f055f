using System.Runtime.ExceptionServices;

namespace Prescore.Scheduling;

/// <summary>Runs independent items on a bounded number of threads; items are handed out in order.</summary>
internal static class ParallelItems
{
    /// <summary>Runs <paramref name="body"/> for items 0 … count − 1.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; items under way were finished.</exception>
    public static void Run(int count, int threads, Action<int> body, CancellationToken cancellationToken = default) =>
        Run(count, threads, static () => 0, (_, item) => body(item), static _ => { }, cancellationToken);

    /// <summary>The same with a workspace a thread.</summary>
    public static void Run<TWorkspace>(
        int count,
        int threads,
        Func<TWorkspace> rent,
        Action<TWorkspace, int> body,
        Action<TWorkspace> giveBack,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int workers = Math.Min(threads, count);
        int next = -1;

        void Work()
        {
            TWorkspace workspace = rent();
            try
            {
                for (int item; (item = Interlocked.Increment(ref next)) < count;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    body(workspace, item);
                }
            }
            catch
            {
                // The other workers stop at their next item.
                Volatile.Write(ref next, count);
                throw;
            }
            finally
            {
                giveBack(workspace);
            }
        }

        if (workers <= 1)
        {
            Work();
            return;
        }
        try
        {
            Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, _ => Work());
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions.FirstOrDefault(e => e is not OperationCanceledException) ?? error.InnerExceptions[0]);
        }
    }
}
