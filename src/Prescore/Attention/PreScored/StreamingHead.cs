using Prescore.Attention.Core;
using Prescore.Attention.Coreset;

namespace Prescore.Attention.PreScored;

/// <summary>Streaming pre-scored attention of one key/value head: the selection, and what stands for the other far keys.</summary>
/// <param name="Selection">The selection.</param>
/// <param name="Coreset">Representatives; null: the other keys are left out.</param>
internal sealed record StreamingHead(StreamingSelection Selection, StreamingCoreset? Coreset) : IDisposable
{
    /// <summary>Bytes held.</summary>
    public long Bytes => Selection.Bytes + (Coreset?.Bytes ?? 0);

    /// <summary>Plans the blocks up to <paramref name="endBlock"/>.</summary>
    public void Plan(AttentionCall call, int endBlock)
    {
        Selection.Plan(call, endBlock);
        Coreset?.Plan(call, endBlock);
    }

    /// <summary>Fits scorer and representatives for one epoch, where they are not.</summary>
    public void Fit(AttentionCall call, int epoch)
    {
        Selection.Score(call, epoch);
        Coreset?.Fit(call, epoch, Selection.LeftAt);
    }

    /// <summary>Forgets what needs keys from position <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        int blocks = Selection.Truncate(length);
        Coreset?.Truncate(blocks);
    }

    public void Dispose()
    {
        Selection.Dispose();
        Coreset?.Dispose();
    }
}
