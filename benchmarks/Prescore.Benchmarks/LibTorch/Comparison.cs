using TorchSharp;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>One way to have libtorch compute a case.</summary>
/// <param name="Name">What is called, and how its operands lie.</param>
/// <param name="Run">Computes the result; the caller disposes of it.</param>
internal sealed record LibTorchSetting(string Name, Func<torch.Tensor> Run);

/// <summary>One case that Prescore and libtorch both compute, on the same numbers.</summary>
internal abstract class Comparison : IDisposable
{
    /// <summary>The case's name, with its sizes.</summary>
    public abstract string Name { get; }

    /// <summary>Floating-point operations of one computation; a multiply-add is two, masked logits do not count.</summary>
    public abstract double Operations { get; }

    /// <summary>Length of an output row: rows are compared one by one.</summary>
    public abstract int RowLength { get; }

    /// <summary>Prescore's result, overwritten by <see cref="RunOurs"/>.</summary>
    public abstract ReadOnlySpan<float> Output { get; }

    /// <summary>Every setting of libtorch that is tried; the fastest takes part.</summary>
    public abstract IReadOnlyList<LibTorchSetting> Settings { get; }

    /// <summary>Computes the case with Prescore.</summary>
    public abstract void RunOurs();

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Largest ‖ours − libtorch's‖ / ‖libtorch's‖ over the output rows.</summary>
    public double MaxRelativeDifference(torch.Tensor theirs)
    {
        float[] expected = theirs.contiguous().data<float>().ToArray();
        ReadOnlySpan<float> actual = Output;
        double largest = expected.Length == actual.Length ? 0 : double.PositiveInfinity;
        for (int start = 0; start < actual.Length && largest < double.PositiveInfinity; start += RowLength)
        {
            double difference = 0, norm = 0;
            for (int i = start; i < start + RowLength; i++)
            {
                difference += Math.Pow((double)actual[i] - expected[i], 2);
                norm += Math.Pow(expected[i], 2);
            }
            double relative = Math.Sqrt(difference / norm);
            // NaN counts as infinitely wrong.
            largest = relative <= largest ? largest : double.IsNaN(relative) ? double.PositiveInfinity : relative;
        }
        return largest;
    }
}
