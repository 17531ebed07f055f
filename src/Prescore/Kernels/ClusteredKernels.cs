namespace Prescore.Kernels;

/// <summary>The kernels of Clustered attention for one SIMD path as a table: what goes with them need not be generic.</summary>
internal sealed unsafe class ClusteredKernels
{
    /// <summary>Rows of a register tile.</summary>
    public const int TileRows = 6;

    private ClusteredKernels()
    {
    }

    /// <summary><see cref="IKernelPath.PanelWidth"/>.</summary>
    public required int PanelWidth { get; init; }

    /// <summary><see cref="IKernelPath.Multiply"/>.</summary>
    public required delegate*<float*, nint, float*, nint, float*, nint, bool, void> Multiply { get; init; }

    /// <summary><see cref="IClusteredKernelPath.ScreenTile"/>.</summary>
    public required delegate*<byte*, int, int*, int, byte*, ushort*, nint, int*, short*, int> ScreenTile { get; init; }

    /// <summary><see cref="IClusteredKernelPath.SelectedLogits"/>.</summary>
    public required delegate*<ushort*, int, short*, nint, float, float, short*, float*, float*, float*, float> SelectedLogits { get; init; }

    /// <summary><see cref="IClusteredKernelPath.AddSelected"/>.</summary>
    public required delegate*<ushort*, int, float*, short*, nint, float*, void> AddSelected { get; init; }

    /// <summary>The kernels of a path.</summary>
    public static ClusteredKernels Of(SimdPath path) => path switch
    {
        SimdPath.Vector512 => Of<Kernel512>(),
        SimdPath.Vector256 => Of<Kernel256>(),
        _ => Of<KernelScalar>(),
    };

    private static ClusteredKernels Of<TKernel>()
        where TKernel : IClusteredKernelPath => new()
        {
            PanelWidth = TKernel.PanelWidth,
            Multiply = &TKernel.Multiply,
            ScreenTile = &TKernel.ScreenTile,
            SelectedLogits = &TKernel.SelectedLogits,
            AddSelected = &TKernel.AddSelected,
        };
}
