using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Attention.Quoka;

/// <summary>What makes a product with a key a cosine: 1 / ‖k‖ of every key of every head; 0 for a key of zeros.</summary>
internal sealed class KeyDirections(int keyValueHeads)
{
    private readonly List<float[]> _inverseNorms = [];

    /// <summary>Bytes held.</summary>
    public long Bytes => _inverseNorms.Sum(norms => (long)norms.Length * sizeof(float));

    /// <summary>Those of all keys of a call.</summary>
    public static KeyDirections Of(AttentionCall call)
    {
        var directions = new KeyDirections(call.Shape.KeyValueHeads);
        directions.Reserve(call.Shape.Batch * call.Shape.KeyValueHeads, call.Shape.Keys);
        ParallelItems.Run(
            directions._inverseNorms.Count,
            call.Options.Threads,
            item => directions.Fill(item, 0, call.Keys(item / call.Shape.KeyValueHeads, item % call.Shape.KeyValueHeads)),
            call.CancellationToken);
        return directions;
    }

    /// <summary>Inverse norms of a head's keys, in order of position.</summary>
    public ReadOnlySpan<float> InverseNorms(int batch, int head) => _inverseNorms[batch * keyValueHeads + head];

    /// <summary>Takes in the keys of a head of the only sequence from position <paramref name="first"/> on.</summary>
    public void Append(int head, int first, MatrixView keys)
    {
        Reserve(keyValueHeads, first + keys.Rows);
        Fill(head, first, keys);
    }

    private void Reserve(int heads, int keys)
    {
        while (_inverseNorms.Count < heads)
        {
            _inverseNorms.Add([]);
        }
        for (int item = 0; item < heads; item++)
        {
            float[] norms = _inverseNorms[item];
            if (norms.Length < keys)
            {
                Array.Resize(ref norms, Math.Max(keys, norms.Length + norms.Length / 4));
                _inverseNorms[item] = norms;
            }
        }
    }

    private void Fill(int item, int first, MatrixView keys)
    {
        float[] norms = _inverseNorms[item];
        for (int key = 0; key < keys.Rows; key++)
        {
            float norm = TensorPrimitives.Norm<float>(keys.Row(key));
            norms[first + key] = norm > 0 ? 1 / norm : 0;
        }
    }
}
