using System.Diagnostics;

namespace Prescore.Attention.Core;

/// <summary>Adds up the work of all threads of one attention call.</summary>
internal sealed class WorkCounter
{
    private long _interactions;
    private long _screened;
    private long _indexProducts;
    private long _indexTicks;
    private long _flatSelections;

    public long Interactions => Interlocked.Read(ref _interactions);

    public long Screened => Interlocked.Read(ref _screened);

    public long IndexProducts => Interlocked.Read(ref _indexProducts);

    public long FlatSelections => Interlocked.Read(ref _flatSelections);

    /// <summary>Thread time spent on scores, hashes and indices, in seconds summed over threads.</summary>
    public double IndexThreadSeconds => (double)Interlocked.Read(ref _indexTicks) / Stopwatch.Frequency;

    public void AddInteractions(long count) => Interlocked.Add(ref _interactions, count);

    public void AddScreened(long count) => Interlocked.Add(ref _screened, count);

    public void AddIndexProducts(long count) => Interlocked.Add(ref _indexProducts, count);

    public void AddFlatSelections(long count) => Interlocked.Add(ref _flatSelections, count);

    /// <summary>Adds the thread time since <paramref name="startTimestamp"/> (of <see cref="Stopwatch.GetTimestamp"/>).</summary>
    public void AddIndexTime(long startTimestamp) => Interlocked.Add(ref _indexTicks, Stopwatch.GetTimestamp() - startTimestamp);
}
