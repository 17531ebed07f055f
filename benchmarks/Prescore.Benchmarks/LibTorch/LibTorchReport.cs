using System.Text.Json.Serialization;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>What the <c>libtorch</c> command writes as JSON.</summary>
/// <param name="Threads">Threads of both sides.</param>
/// <param name="PeakGflops">The processor's multiply-add peak with that many threads, in 10⁹ operations a second.</param>
/// <param name="LibtorchIsa">The instruction set and libraries that libtorch used.</param>
/// <param name="Rows">One row a case whose outputs agreed.</param>
internal sealed record LibTorchReport(int Threads, double PeakGflops, string LibtorchIsa, IReadOnlyList<LibTorchRow> Rows);

/// <summary>One case.</summary>
/// <param name="Case">Its name.</param>
/// <param name="OursSeconds">Prescore's median seconds.</param>
/// <param name="LibtorchSeconds">libtorch's median seconds at its fastest setting.</param>
/// <param name="Ratio">libtorch's seconds ÷ ours.</param>
/// <param name="MaxRelativeDifference">Largest ‖ours − libtorch's‖ / ‖libtorch's‖ over output rows.</param>
/// <param name="LibtorchSetting">libtorch's fastest setting.</param>
internal sealed record LibTorchRow(
    string Case,
    double OursSeconds,
    double LibtorchSeconds,
    double Ratio,
    double MaxRelativeDifference,
    string LibtorchSetting)
{
    /// <summary>Our 10⁹ operations a second.</summary>
    [JsonIgnore]
    public double Gflops { get; init; }

    /// <summary>Our operations a second ÷ the peak, 0..1.</summary>
    public double FractionOfPeak { get; init; }
}
