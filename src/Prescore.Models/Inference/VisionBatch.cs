using System.Collections.Concurrent;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Images;

namespace Prescore.Models.Inference;

/// <summary>Runs many images at once: each thread takes whole images, so that nothing waits within one.</summary>
public static class VisionBatch
{
    /// <summary>Runs images 0 … <paramref name="count"/> − 1; what comes out of each does not depend on the number of threads.</summary>
    /// <param name="model">The model.</param>
    /// <param name="attention">The method of every layer.</param>
    /// <param name="options">Threads, SIMD path, seed.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="load">Gives an image's input; called by many threads at once.</param>
    /// <param name="done">Receives an image's number and features; called by many threads at once, in no order.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Work of the attention.</returns>
    public static AttentionReport Run(
        VisionModel model,
        IAttention attention,
        AttentionOptions options,
        int count,
        Func<int, PixelValues> load,
        Action<int, VisionFeatures> done,
        CancellationToken cancellationToken = default)
    {
        int workers = Math.Clamp(count, 1, options.Threads);
        AttentionOptions each = options with { Threads = options.Threads / workers };
        var sessions = new ConcurrentBag<VisionSession>();
        Parallel.For(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellationToken },
            image =>
            {
                if (!sessions.TryTake(out VisionSession? session))
                {
                    session = new VisionSession(model, attention, each);
                }
                done(image, session.Run(load(image), cancellationToken));
                sessions.Add(session);
            });
        return sessions.Aggregate(default(AttentionReport), (sum, session) => sum + session.Report);
    }
}
