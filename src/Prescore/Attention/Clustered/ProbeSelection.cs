using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Keys of one cluster that become selected keys of one probe, with the threshold they come with. Sorted, the keys of a
/// step lie together, and begin at even places: kernels take two at a time. Its memory is kept.
/// </summary>
internal sealed unsafe class ProbeSelection : IDisposable
{
    /// <summary>Entries that kernels read or write behind the end.</summary>
    private const int Slack = 32;

    private readonly List<(ushort Number, byte Step)> _found = [];
    private readonly int[] _starts = new int[Thresholds.Count];
    private readonly int[] _counts = new int[Thresholds.Count];
    private float* _memory;
    private int _room;

    ~ProbeSelection() => NativeMemory.AlignedFree(_memory);

    /// <summary>Steps with which selected keys come, a bit each.</summary>
    public ulong Steps { get; private set; }

    /// <summary>Number of selected keys.</summary>
    public int Count => _found.Count;

    /// <summary>Places in use after <see cref="Sort"/>; not all of them hold selected keys.</summary>
    public int Places { get; private set; }

    /// <summary>Numbers of the keys in their segment; 0 at a place without one.</summary>
    public ushort* Numbers => (ushort*)(_memory + 6 * _room);

    /// <summary>Two scales a place.</summary>
    public float* Scales => _memory;

    /// <summary>Logits.</summary>
    public float* Logits => _memory + 2 * _room;

    /// <summary>e^logit, times the key's own weight where it has one.</summary>
    public float* Masses => _memory + 3 * _room;

    /// <summary>Weights with which values are added.</summary>
    public float* Weights => _memory + 4 * _room;

    /// <summary>Weights with which values leave the rest.</summary>
    public float* Taken => _memory + 5 * _room;

    /// <summary>Forgets all selected keys.</summary>
    public void Clear()
    {
        _found.Clear();
        Array.Clear(_counts);
        Steps = 0;
    }

    /// <summary>Adds a key that comes with a step from 1 on.</summary>
    public void Add(ushort number, int step)
    {
        _found.Add((number, (byte)step));
        _counts[step]++;
        Steps |= 1UL << step;
    }

    /// <summary>Puts the keys in order of steps; keys of a step keep their order.</summary>
    public void Sort()
    {
        int place = 0;
        for (ulong left = Steps; left != 0; left &= left - 1)
        {
            int step = BitOperations.TrailingZeroCount(left);
            _starts[step] = place;
            place += (_counts[step] + 1) / 2 * 2;
        }
        Places = place;
        Reserve(place);
        new Span<ushort>(Numbers, place + Slack).Clear();
        new Span<float>(Weights, place + Slack).Clear();
        new Span<float>(Taken, place + Slack).Clear();
        Span<int> next = stackalloc int[Thresholds.Count];
        _starts.CopyTo(next);
        foreach ((ushort number, byte step) in _found)
        {
            Numbers[next[step]++] = number;
        }
    }

    /// <summary>First place and number of the keys that come with a step.</summary>
    public (int Start, int Count) OfStep(int step) => (_starts[step], _counts[step]);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _room = 0;
        GC.SuppressFinalize(this);
    }

    private void Reserve(int places)
    {
        if (places + Slack <= _room)
        {
            return;
        }
        NativeMemory.AlignedFree(_memory);
        _room = (places + places / 2 + 2 * Slack) / 16 * 16;
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)(7 * _room * sizeof(float)), 64);
        NativeMemory.Clear(_memory, (nuint)(7 * _room * sizeof(float)));
    }
}
