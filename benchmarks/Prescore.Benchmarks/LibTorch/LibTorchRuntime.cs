using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>What libtorch says about itself.</summary>
internal static class LibTorchRuntime
{
    /// <summary>Room for a C++ std::string as libstdc++ lays it out: pointer, length, and 16 bytes in place.</summary>
    private const int StringBytes = 32;

    /// <summary>
    /// Settings of OpenMP under which libtorch's threads take the cores from ours: pinned threads pass their one core on
    /// to the threads they start, and an active wait never ends.
    /// </summary>
    private static readonly string[] UnfairSettings = ["OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "OMP_WAIT_POLICY"];

    /// <summary>The first setting in the environment that would make the comparison unfair, or null.</summary>
    public static string? UnfairSetting() => UnfairSettings.FirstOrDefault(name => Environment.GetEnvironmentVariable(name) is not null);

    /// <summary>
    /// The instruction set that libtorch's own kernels dispatch to and the versions of its matrix libraries. On systems
    /// other than Linux these C++ functions have other names, and only the environment's setting is told.
    /// </summary>
    public static string Describe()
    {
        try
        {
            return $"{Text(CpuCapability)}, MKL {Version(Text(MklVersion))}, oneDNN {Version(Text(OneDnnVersion))}";
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

    /// <summary>The version number in a library's own words.</summary>
    private static string Version(string text) => Regex.Match(text, @"\d+(\.\d+)+").Value;

    [DllImport("torch_cpu", EntryPoint = "_ZN2at18get_cpu_capabilityB5cxx11Ev")]
    private static extern void CpuCapability(nint result);

    [DllImport("torch_cpu", EntryPoint = "_ZN2at15get_mkl_versionB5cxx11Ev")]
    private static extern void MklVersion(nint result);

    [DllImport("torch_cpu", EntryPoint = "_ZN2at18get_mkldnn_versionB5cxx11Ev")]
    private static extern void OneDnnVersion(nint result);
}
