using System.Runtime.InteropServices;

namespace Prescore.Tests.Kernels;

/// <summary>Bytes outside the managed heap, in place of a mapped file.</summary>
internal sealed class NativeBytes : SafeBuffer
{
    public NativeBytes(ReadOnlySpan<byte> bytes)
        : base(ownsHandle: true)
    {
        SetHandle(Marshal.AllocHGlobal(bytes.Length));
        Initialize((ulong)bytes.Length);
        WriteSpan<byte>(0, bytes);
    }

    protected override bool ReleaseHandle()
    {
        Marshal.FreeHGlobal(handle);
        return true;
    }
}
