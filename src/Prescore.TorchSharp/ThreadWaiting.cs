using System.Runtime.InteropServices;

namespace Prescore.TorchSharp;

/// <summary>
/// How libtorch's worker threads wait. Unless told otherwise OpenMP's spin for a while after each piece of work, and take
/// the cores from selections and clusterings, which run on .NET's threads between two pieces: on two cores a training
/// step then takes up to twice as long.
/// </summary>
public static class ThreadWaiting
{
    /// <summary>Lets the workers sleep. Has an effect before libtorch is loaded alone, on Linux; a setting of the user's stays.</summary>
    public static void Sleep()
    {
        // OpenMP reads the process's own variables, which Environment.SetEnvironmentVariable does not change.
        if (OperatingSystem.IsLinux())
        {
            _ = SetVariable("OMP_WAIT_POLICY", "PASSIVE", overwrite: 0);
        }
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi)]
    private static extern int SetVariable(string name, string value, int overwrite);
}
