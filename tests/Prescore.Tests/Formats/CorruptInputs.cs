using CsCheck;
using Prescore.Models.Formats;

namespace Prescore.Tests.Formats;

/// <summary>
/// Whatever is done to the bytes of a file, opening and reading it gives values or a ModelFormatException, in no long time
/// and with no more memory than a small multiple of the file. PRESCORE_FUZZ sets the number of inputs a format for a
/// longer run.
/// </summary>
internal static class CorruptInputs
{
    /// <summary>Longest time for one input, on a busy machine.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private static readonly long Iterations =
        long.TryParse(Environment.GetEnvironmentVariable("PRESCORE_FUZZ"), out long iterations) ? iterations : 2000;

    private static readonly byte[] Extremes = [0, 1, 0x7F, 0x80, 0xFF];

    // A few bytes replaced, a piece copied over another, a cut: headers of lengths and counts feel each of them.
    private static readonly Gen<(int, byte)[]> Flips = Gen.Select(Gen.Int[0, int.MaxValue], Gen.OneOf(Gen.Byte, Gen.Int[0, 4].Select(i => Extremes[i]))).Array[0, 8];
    private static readonly Gen<(int, int, int)> Move = Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, int.MaxValue], Gen.Int[0, 16]);

    /// <summary>Damages a file again and again.</summary>
    /// <param name="whole">Its bytes.</param>
    /// <param name="name">End of its name.</param>
    /// <param name="read">Opens and reads the file at a path.</param>
    /// <param name="leastRefused">Share of the inputs that is refused at least.</param>
    /// <param name="cost">What share of the usual number of inputs is enough, where one takes long; a longer run has all.</param>
    /// <param name="repair">Mends what would hide the damage, such as a checksum.</param>
    public static void Check(byte[] whole, string name, Action<string> read, double leastRefused = 0.3, double cost = 1, Func<byte[], byte[]>? repair = null)
    {
        using TemporaryFolder folder = new();
        int refused = 0, serial = 0;
        long iterations = Iterations > 2000 ? Iterations : (long)(Iterations * cost);
        Gen.Select(Flips, Move, Gen.Int[0, 3 * whole.Length]).Sample(
            (flips, move, length) =>
            {
                byte[] bytes = Mutate(whole, flips, move, length);
                string path = folder.File(Interlocked.Increment(ref serial) + name);
                File.WriteAllBytes(path, repair?.Invoke(bytes) ?? bytes);
                long before = GC.GetAllocatedBytesForCurrentThread();
                TimeSpan time = Timed(path, read, out bool isRefused);
                (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4_000_000);
                if (time >= Longest)
                {
                    // The process may have been stopped for a while; that does not happen twice.
                    Timed(path, read, out _).ShouldBeLessThan(Longest);
                }
                Interlocked.Add(ref refused, isRefused ? 1 : 0);
                File.Delete(path);
            },
            iter: iterations);
        refused.ShouldBeGreaterThan((int)(iterations * leastRefused) - 1);
    }

    private static TimeSpan Timed(string path, Action<string> read, out bool refused)
    {
        long start = Environment.TickCount64;
        refused = false;
        try
        {
            read(path);
        }
        catch (ModelFormatException)
        {
            refused = true;
        }
        return TimeSpan.FromMilliseconds(Environment.TickCount64 - start);
    }

    private static byte[] Mutate(byte[] whole, (int At, byte Value)[] flips, (int From, int To, int Count) move, int length)
    {
        byte[] bytes = whole[..Math.Min(length, whole.Length)];
        if (bytes.Length == 0)
        {
            return bytes;
        }
        int count = Math.Min(move.Count, bytes.Length);
        bytes.AsSpan(move.From % (bytes.Length - count + 1), count).ToArray().CopyTo(bytes, move.To % (bytes.Length - count + 1));
        foreach ((int at, byte value) in flips)
        {
            bytes[at % bytes.Length] = value;
        }
        return bytes;
    }
}
