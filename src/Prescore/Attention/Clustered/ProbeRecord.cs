using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>What one probe query of one head showed.</summary>
/// <param name="Position">Absolute position of the query.</param>
/// <param name="Head">Query head.</param>
/// <param name="SquaredErrors">‖ô − o‖² at each of <see cref="Thresholds"/>.</param>
/// <param name="Selected">Selected keys at every threshold.</param>
/// <param name="Far">Far keys of the query.</param>
/// <param name="SquaredNorm">‖o‖².</param>
/// <param name="Blocks">Blocks that it stands for: its own and those since the last with probes, which had the same step.</param>
/// <param name="ThresholdInUse">The threshold that the other queries of its block used: chosen before this probe was seen.</param>
internal sealed record ProbeRecord(
    int Position, int Head, float[] SquaredErrors, int[] Selected, int Far, double SquaredNorm, int Blocks, int ThresholdInUse)
{
    /// <summary>‖ô − o‖² at the step in use; 0 where that is exact.</summary>
    public double SquaredErrorInUse => ThresholdInUse == Thresholds.Exact ? 0 : SquaredErrors[ThresholdInUse];

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * (long)SquaredErrors.Length + sizeof(int) * (long)Selected.Length;

    /// <summary>Writes it.</summary>
    public void Save(CacheStream file)
    {
        file.Write(Position, Head, Far, Blocks, ThresholdInUse);
        file.Write(SquaredNorm);
        file.Write<float>(SquaredErrors);
        file.Write<int>(Selected);
    }

    /// <summary>Reads what <see cref="Save"/> wrote of one of <paramref name="length"/> tokens and of some heads.</summary>
    public static ProbeRecord Load(CacheStream file, int length, int firstHead, int heads)
    {
        int[] numbers = file.Read<int>(5);
        var record = new ProbeRecord(
            numbers[0], numbers[1], SquaredNorm: file.Read<double>(1)[0], SquaredErrors: file.Read<float>(Thresholds.Count),
            Selected: file.Read<int>(Thresholds.Count), Far: numbers[2], Blocks: numbers[3], ThresholdInUse: numbers[4]);
        CacheStream.Require(
            record.Position >= 0 && record.Position < length && record.Head >= firstHead && record.Head < firstHead + heads
                && record.Far >= 0 && record.Far <= record.Position && record.Blocks >= 1
                && (record.ThresholdInUse is >= 0 and < Thresholds.Count or Thresholds.Exact)
                && record.SquaredNorm >= 0 && Array.TrueForAll(record.SquaredErrors, error => error >= 0)
                && Array.TrueForAll(record.Selected, selected => selected >= 0 && selected <= record.Far),
            "a probe's record is none");
        return record;
    }
}
