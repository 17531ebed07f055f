using System.Globalization;
using Prescore.Models.Formats;

namespace Prescore.Models.Families;

/// <summary>
/// What a run will hold in memory, in bytes, estimated before it starts: so that a machine that is too small says so at
/// once instead of after minutes.
/// </summary>
/// <param name="Weights">Weights as they are stored.</param>
/// <param name="Caches">Keys and values of all layers, at 32 bits a number.</param>
/// <param name="Activations">Residual stream, queries, attention outputs and the buffers of one chunk.</param>
public readonly record struct MemoryEstimate(long Weights, long Caches, long Activations)
{
    /// <summary>All of it.</summary>
    public long Total => Weights + Caches + Activations;

    /// <summary>The weights of a model file, which are used where they are mapped.</summary>
    public static MemoryEstimate OfWeights(ITensorSource source) => new(source.Tensors.Sum(tensor => tensor.ByteLength), 0, 0);

    /// <summary>One sequence in a loaded model, beyond the weights.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokens">Tokens of the sequence.</param>
    /// <param name="piece">Most tokens that run through all layers at a time.</param>
    public static MemoryEstimate OfSequence(CausalModel model, int tokens, int piece)
    {
        long keyWidth = (long)model.Configuration.KeyValueHeads * model.Configuration.HeadDimension;
        long queryWidth = (long)model.Configuration.QueryHeads * model.Configuration.HeadDimension;
        return new MemoryEstimate(
            0,
            sizeof(float) * (long)model.Configuration.Layers * tokens * 2 * keyWidth,
            sizeof(float) * (long)piece * (model.Configuration.HiddenSize + 2 * queryWidth + 2 * keyWidth) + model.Widths.Bytes(piece));
    }

    /// <summary>Bytes that this process can still take: what the system has free and the runtime's own limit leave.</summary>
    public static long Available()
    {
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        long limit = memory.TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(0, Math.Min(limit, SystemFree() ?? limit));
    }

    /// <summary>Adds two estimates.</summary>
    public static MemoryEstimate operator +(MemoryEstimate left, MemoryEstimate right) =>
        new(left.Weights + right.Weights, left.Caches + right.Caches, left.Activations + right.Activations);

    /// <summary>Does nothing where there is room.</summary>
    /// <param name="available">Bytes to be had, as <see cref="Available"/> tells them.</param>
    /// <param name="advice">What to do about it, the end of the message.</param>
    /// <exception cref="InsufficientMemoryException">There is not; the message names both amounts.</exception>
    public void Require(long available, string advice = "use a shorter context or a smaller model")
    {
        if (Total > available)
        {
            throw new InsufficientMemoryException(
                $"this needs about {Size(Total)} of memory (weights {Size(Weights)}, keys and values {Size(Caches)}, activations {Size(Activations)}) "
                + $"and {Size(available)} are available; {advice}");
        }
    }

    private static string Size(long bytes) => bytes >= 1 << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):F1} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):F0} MiB");

    /// <summary>What Linux holds free or can free at once; null on other systems.</summary>
    private static long? SystemFree()
    {
        const string Path = "/proc/meminfo";
        const string Key = "MemAvailable:";
        string? line = File.Exists(Path) ? File.ReadLines(Path).FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is not null && long.TryParse(line[Key.Length..].Replace("kB", "").Trim(), CultureInfo.InvariantCulture, out long kibibytes)
            ? kibibytes * 1024
            : null;
    }
}
