namespace Prescore.Attention.Clustered;

/// <summary>
/// Chooses p per query head from the errors that probes of earlier blocks showed for every step of the ladder. A pure
/// function of the probe records before a block, so decoding, cutting and rewinding cannot change it.
/// </summary>
/// <param name="firstHead">First query head.</param>
/// <param name="queryHeads">Number of query heads.</param>
/// <param name="options">The settings.</param>
internal sealed class EffortControl(int firstHead, int queryHeads, ClusteredOptions options)
{
    private readonly int _steps = EffortLadder.Count(options.LargestEffort);
    private readonly List<ProbeRecord> _records = [];
    private readonly double[] _norms = new double[queryHeads];
    private double[] _errors = [];
    private int _pooledRecords;
    private int _pooledBlock = -1;

    /// <summary>All records, in order of position, then head, as far as <see cref="Choose"/> has seen them.</summary>
    public IReadOnlyList<ProbeRecord> Records => _records;

    /// <summary>
    /// Adds the record of one probe; records of a block may come in any order and from any thread, blocks ascend.
    /// </summary>
    public void Add(ProbeRecord record)
    {
        lock (_records)
        {
            _records.Add(record);
        }
    }

    /// <summary>Forgets probes at positions from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        _records.RemoveAll(record => record.Position >= length);
        _errors = [];
        _pooledRecords = 0;
        _pooledBlock = -1;
    }

    /// <summary>p of every query head for the block that starts at <paramref name="blockStart"/>; all earlier probes are in.</summary>
    public int[] Choose(int blockStart)
    {
        Pool(blockStart);
        var chosen = new int[queryHeads];
        for (int head = 0; head < queryHeads; head++)
        {
            chosen[head] = Smallest(head);
        }
        return chosen;
    }

    private void Pool(int blockStart)
    {
        if (_errors.Length == 0)
        {
            _errors = new double[queryHeads * _steps];
            Array.Clear(_norms);
        }
        _records.Sort(_pooledRecords, _records.Count - _pooledRecords, ByPosition);
        for (; _pooledRecords < _records.Count && _records[_pooledRecords].Position < blockStart; _pooledRecords++)
        {
            ProbeRecord record = _records[_pooledRecords];
            int block = record.Position / options.BlockSize;
            if (block != _pooledBlock)
            {
                Decay();
                _pooledBlock = block;
            }
            int head = record.Head - firstHead;
            _norms[head] += record.SquaredNorm;
            for (int step = 0; step < _steps; step++)
            {
                _errors[head * _steps + step] += record.SquaredErrors[step];
            }
        }
    }

    private int Smallest(int head)
    {
        double allowed = options.EffectiveTargetError * options.EffectiveTargetError * _norms[head];
        for (int step = 0; step < _steps && _norms[head] > 0; step++)
        {
            double error = _errors[head * _steps + step];
            if (error <= allowed)
            {
                // No error at all: the step visited every cluster there was. There will be more.
                return error > 0 ? EffortLadder.Steps[step] : EffortLadder.Exact;
            }
        }
        return EffortLadder.Exact;
    }

    private void Decay()
    {
        for (int i = 0; i < _errors.Length; i++)
        {
            _errors[i] *= options.ProbeDecay;
        }
        for (int head = 0; head < queryHeads; head++)
        {
            _norms[head] *= options.ProbeDecay;
        }
    }

    private static readonly Comparer<ProbeRecord> ByPosition =
        Comparer<ProbeRecord>.Create(static (a, b) => (a.Position, a.Head).CompareTo((b.Position, b.Head)));
}
