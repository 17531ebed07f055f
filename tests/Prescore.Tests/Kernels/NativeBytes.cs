using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Tests.Kernels;

/// <summary>Bytes outside the managed heap, in place of a mapped file.</summary>
internal sealed class NativeBytes : SafeBuffer
{
    public NativeBytes(ReadOnlySpan<byte> bytes)
        : base(ownsHandle: true)
    {
        SetHandle(Marshal.AllocHGlobal(bytes.Length));
        Initialize((ulong)bytes.Length);
        WriteSpan(0, bytes);
    }

    public bool IsFreed { get; private set; }

    /// <summary>All bytes as rows of a matrix.</summary>
    public StoredRows Rows(int rows, BlockFormat format) => Rows(rows, format, 0, (long)ByteLength);

    /// <summary>Some bytes as rows of a matrix.</summary>
    public StoredRows Rows(int rows, BlockFormat format, long offset, long length) => new(new MappedBytes(this, offset, length), rows, format);

    protected override bool ReleaseHandle()
    {
        Marshal.FreeHGlobal(handle);
        return IsFreed = true;
    }
}
