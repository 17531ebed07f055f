using Prescore.Attention.Core;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Chooses the threshold per query head from the errors that probes of earlier blocks showed for every step. A
/// pure function of the probe records before a block, so decoding, cutting and rewinding cannot change it.
/// </summary>
/// <param name="firstHead">First query head.</param>
/// <param name="queryHeads">Number of query heads.</param>
/// <param name="options">The settings.</param>
internal sealed class ThresholdControl(int firstHead, int queryHeads, ClusteredOptions options)
{
    /// <summary>
    /// The step that just reaches a target on its own probes misses it on others, in one head of twenty by half and more.
    /// Steps are chosen against this part of the target, so that the others are certified to stay within it.
    /// </summary>
    internal const double Margin = 0.6;

    /// <summary>
    /// Time of a selected key and of the keys screened to find it, in keys of the exact kernel, where selected keys are so many that
    /// it matters: measured.
    /// </summary>
    private const double SelectedKeyCost = 2;

    /// <summary>
    /// Far keys that the last probe must have had, and no earlier one had more, of those of the block that is chosen for: what
    /// few keys need says little of what many will.
    /// </summary>
    private const double Evidence = 0.5;

    private readonly List<ProbeRecord> _records = [];
    private readonly double[] _norms = new double[queryHeads];
    private readonly double[] _far = new double[queryHeads];
    private double[] _errors = [];
    private double[] _selected = [];
    private int _pooledRecords;
    private int _pooledBlock = -1;

    /// <summary>All records, in order of position, then head, as far as <see cref="Choose"/> has seen them.</summary>
    public IReadOnlyList<ProbeRecord> Records => _records;

    /// <summary>Bytes held.</summary>
    public long Bytes => _records.Sum(record => record.Bytes);

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

    /// <summary>Takes over the records of another.</summary>
    public void CopyFrom(ThresholdControl other)
    {
        Rewind(0);
        _records.AddRange(other._records);
    }

    /// <summary>Writes the records.</summary>
    public void Save(CacheStream file)
    {
        file.Write(_records.Count);
        foreach (ProbeRecord record in _records)
        {
            record.Save(file);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote of <paramref name="length"/> tokens; there are no records yet.</summary>
    public void Load(CacheStream file, int length)
    {
        int count = file.ReadCount("the number of probes", 0, length * queryHeads);
        for (int i = 0; i < count; i++)
        {
            _records.Add(ProbeRecord.Load(file, length, firstHead, queryHeads));
        }
    }

    /// <summary>Forgets probes at positions from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        _records.RemoveAll(record => record.Position >= length);
        _errors = [];
        _selected = [];
        _pooledRecords = 0;
        _pooledBlock = -1;
    }

    /// <summary>Step of every query head for the block that starts at <paramref name="blockStart"/>; all earlier probes are in.</summary>
    /// <param name="blockStart">First position.</param>
    /// <param name="far">Far keys of the block.</param>
    /// <param name="clusters">Their clusters.</param>
    public int[] Choose(int blockStart, int far, int clusters)
    {
        Pool(blockStart);
        bool evident = _pooledRecords > 0 && _records[_pooledRecords - 1].Far >= Evidence * far;
        var chosen = new int[queryHeads];
        for (int head = 0; head < queryHeads; head++)
        {
            int step = evident && _norms[head] > 0 ? Smallest(head) : Thresholds.Exact;
            chosen[head] = step < Thresholds.Exact && Cost(head, step, far, clusters) >= far ? Thresholds.Exact : step;
        }
        return chosen;
    }

    private void Pool(int blockStart)
    {
        if (_errors.Length == 0)
        {
            _errors = new double[queryHeads * Thresholds.Count];
            _selected = new double[queryHeads * Thresholds.Count];
            Array.Clear(_norms);
            Array.Clear(_far);
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
            Add(record, record.Head - firstHead);
        }
    }

    private void Add(ProbeRecord record, int head)
    {
        _norms[head] += record.SquaredNorm;
        _far[head] += record.Far;
        for (int step = 0; step < Thresholds.Count; step++)
        {
            _errors[head * Thresholds.Count + step] += record.SquaredErrors[step];
            _selected[head * Thresholds.Count + step] += record.Selected[step];
        }
    }

    /// <summary>The first step within the target; a head that no step brings there is exact.</summary>
    private int Smallest(int head)
    {
        double target = Margin * options.EffectiveTargetError;
        double allowed = target * target * _norms[head];
        for (int step = 0; step <= options.LastThreshold; step++)
        {
            if (_errors[head * Thresholds.Count + step] <= allowed)
            {
                return step;
            }
        }
        return Thresholds.Exact;
    }

    /// <summary>Time of a step in keys of the exact kernel, by the selected keys that probes had.</summary>
    private double Cost(int head, int step, int far, int clusters) =>
        clusters + SelectedKeyCost * far * _selected[head * Thresholds.Count + step] / Math.Max(1, _far[head]);

    private void Decay()
    {
        foreach (double[] pooled in new[] { _errors, _selected, _norms, _far })
        {
            for (int i = 0; i < pooled.Length; i++)
            {
                pooled[i] *= options.ProbeDecay;
            }
        }
    }

    private static readonly Comparer<ProbeRecord> ByPosition =
        Comparer<ProbeRecord>.Create(static (a, b) => (a.Position, a.Head).CompareTo((b.Position, b.Head)));
}
