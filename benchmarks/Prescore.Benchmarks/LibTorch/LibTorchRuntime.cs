using System.Runtime.InteropServices;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>What libtorch says about itself.</summary>
internal static class LibTorchRuntime
{
    /// <summary>Room for a C++ std::string as libstdc++ lays it out: pointer, length, and 16 bytes in place.</summary>
    private const int StringBytes = 32;

    /// <summary>
    /// The instruction set that libtorch's own kernels dispatch to and the versions of its matrix libraries. On systems
    /// other than Linux these C++ functions have other names, and only the environment's setting is told.
    /// </summary>
    public static string Describe()
    {
        try
        {
            return $"{Text(CpuCapability)}; {FirstLine(Text(MklVersion))}; {FirstLine(Text(OneDnnVersion))}";
        }
        catch (Exception error) when (error is EntryPointNotFoundException or DllNotFoundException)
        {
            return Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") ?? "libtorch's default";
        }
    }

    /// <summary>Calls a function that returns a std::string through a hidden pointer.</summary>
    private static string Text(Action<nint> function)
    {
        nint text = Marshal.AllocHGlobal(StringBytes);
        try
        {
            function(text);
            return Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(text), (int)Marshal.ReadInt64(text, sizeof(long)));
        }
        finally
        {
            Marshal.FreeHGlobal(text);
        }
    }

    private static string FirstLine(string text) => text.Split('\n', StringSplitOptions.TrimEntries)[0];

    [DllImport("torch_cpu", EntryPoint = "_ZN2at18get_cpu_capabilityB5cxx11Ev")]
    private static extern void CpuCapability(nint result);

    [DllImport("torch_cpu", EntryPoint = "_ZN2at15get_mkl_versionB5cxx11Ev")]
    private static extern void MklVersion(nint result);

    [DllImport("torch_cpu", EntryPoint = "_ZN2at18get_mkldnn_versionB5cxx11Ev")]
    private static extern void OneDnnVersion(nint result);
}
