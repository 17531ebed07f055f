namespace Prescore.Attention.Clustered;

/// <summary>
/// Chooses p per query head from the errors that probes of earlier blocks showed for every step of the ladder. A pure
/// function of the probe records before a block, so decoding, cutting and rewinding cannot change it.
/// </summary>
internal sealed class EffortControl(int queryHeads, ClusteredOptions options)
{
    private readonly List<ProbeRecord> _records = [];

    /// <summary>All records, in order of position, then head.</summary>
    public IReadOnlyList<ProbeRecord> Records => _records;

    /// <summary>Adds the record of one probe; records of a block may come in any order, blocks ascend.</summary>
    public void Add(ProbeRecord record) => _records.Add(record);

    /// <summary>Forgets probes at positions from <paramref name="length"/> on.</summary>
    public void Rewind(int length) => _records.RemoveAll(record => record.Position >= length);

    /// <summary>p of every query head for the block that starts at <paramref name="blockStart"/>.</summary>
    public int[] Choose(int blockStart)
    {
        _records.Sort(static (a, b) => (a.Position, a.Head).CompareTo((b.Position, b.Head)));
        int steps = EffortLadder.Steps.Length;
        var errors = new double[queryHeads, steps];
        var squares = new double[queryHeads, steps];
        var norms = new double[queryHeads];
        int block = -1;
        foreach (ProbeRecord record in _records)
        {
            if (record.Position >= blockStart)
            {
                break;
            }
            int recordBlock = record.Position / options.BlockSize;
            if (recordBlock != block)
            {
                Decay(errors, squares, norms);
                block = recordBlock;
            }
            norms[record.Head] += record.SquaredNorm;
            for (int step = 0; step < steps; step++)
            {
                errors[record.Head, step] += record.SquaredErrors[step];
                squares[record.Head, step] += (double)record.SquaredErrors[step] * record.SquaredErrors[step];
            }
        }
        var chosen = new int[queryHeads];
        for (int head = 0; head < queryHeads; head++)
        {
            chosen[head] = Smallest(errors, squares, norms, head);
        }
        return chosen;
    }

    private int Smallest(double[,] errors, double[,] squares, double[] norms, int head)
    {
        double allowed = options.EffectiveTargetError * options.EffectiveTargetError * norms[head];
        for (int step = 0; step < EffortLadder.Steps.Length && norms[head] > 0; step++)
        {
            if (errors[head, step] + options.Caution * Math.Sqrt(squares[head, step]) <= allowed)
            {
                return EffortLadder.Steps[step];
            }
        }
        return EffortLadder.Exact;
    }

    private void Decay(double[,] errors, double[,] squares, double[] norms)
    {
        for (int head = 0; head < queryHeads; head++)
        {
            norms[head] *= options.ProbeDecay;
            for (int step = 0; step < EffortLadder.Steps.Length; step++)
            {
                errors[head, step] *= options.ProbeDecay;
                squares[head, step] *= options.ProbeDecay * options.ProbeDecay;
            }
        }
    }
}
