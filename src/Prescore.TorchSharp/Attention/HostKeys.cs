using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>
/// The values of a batch's keys as the library's scorers and clusterings take them: a dense matrix a (sequence, head),
/// in fp32, without gradient.
/// </summary>
internal sealed class HostKeys
{
    private readonly float[] _values;

    public HostKeys(Tensor keys)
    {
        (Batch, Heads, Count, Dimension) = ((int)keys.shape[0], (int)keys.shape[1], (int)keys.shape[2], (int)keys.shape[3]);
        using Tensor dense = keys.detach().to(ScalarType.Float32).contiguous();
        _values = MemoryMarshal.Cast<byte, float>(dense.bytes).ToArray();
    }

    public int Batch { get; }

    public int Heads { get; }

    /// <summary>Keys a head.</summary>
    public int Count { get; }

    public int Dimension { get; }

    /// <summary>Keys of one head of one sequence.</summary>
    public KeyMatrix this[int sequenceHead] => new()
    {
        Values = _values.AsSpan(sequenceHead * Count * Dimension, Count * Dimension),
        Count = Count,
        Dimension = Dimension,
    };

    /// <summary>What a scorer is told of one head.</summary>
    public ScoringContext Context(int sequenceHead, AttentionModuleOptions options, int selected) =>
        new(options.Seed, options.Layer, sequenceHead % Heads, 0, selected, SimdPaths.Best);

    /// <summary>Runs a body for every head of every sequence, on the threads that libtorch uses.</summary>
    public void ForEachHead(Action<int> body) =>
        Parallel.For(0, Batch * Heads, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, body);
}
