using System.Diagnostics;

namespace Prescore.Benchmarks;

/// <summary>Times two ways to compute the same thing in turns, so that both see the same state of the machine.</summary>
internal static class InterleavedTimer
{
    /// <summary>A sample holds as many calls as fill this time.</summary>
    private const double SampleSeconds = 0.03;

    private const int MinimumSamples = 3;

    private const int MaximumSamples = 51;

    /// <summary>
    /// Pause before every sample: the workers of OpenMP and of the thread pool spin for a while after their last work
    /// and would take a core from the other side.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Calls that fill one sample, from a warm call's time.</summary>
    public static int CallsPerSample(Action action)
    {
        action();
        double seconds = Sample(action, 1);
        return Math.Max(1, (int)Math.Ceiling(SampleSeconds / seconds));
    }

    /// <summary>Shortest seconds a call in a few samples.</summary>
    public static double Best(Action action)
    {
        int calls = CallsPerSample(action);
        double best = Sample(action, calls);
        for (int i = 1; i < MinimumSamples && best * calls < 1; i++)
        {
            best = Math.Min(best, Sample(action, calls));
        }
        return best;
    }

    /// <summary>Median seconds a call of each, over samples in turns for about <paramref name="budget"/>.</summary>
    public static (double First, double Second) Medians(Action first, Action second, TimeSpan budget)
    {
        int firstCalls = CallsPerSample(first);
        int secondCalls = CallsPerSample(second);
        var firstSamples = new List<double>();
        var secondSamples = new List<double>();
        long began = Stopwatch.GetTimestamp();
        while (firstSamples.Count < MinimumSamples
            || (firstSamples.Count < MaximumSamples && Stopwatch.GetElapsedTime(began) < budget))
        {
            firstSamples.Add(Sample(first, firstCalls));
            secondSamples.Add(Sample(second, secondCalls));
        }
        return (Median(firstSamples), Median(secondSamples));
    }

    private static double Sample(Action action, int calls)
    {
        Thread.Sleep(Pause);
        if (calls > 1)
        {
            // Wakes the workers; in a long call their wake-up does not count.
            action();
        }
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++)
        {
            action();
        }
        return Stopwatch.GetElapsedTime(began).TotalSeconds / calls;
    }

    private static double Median(List<double> samples)
    {
        samples.Sort();
        int middle = samples.Count / 2;
        return samples.Count % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
    }
}
