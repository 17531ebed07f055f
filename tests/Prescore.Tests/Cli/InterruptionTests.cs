using System.Diagnostics;
using Prescore.Cli;
using Prescore.Models.Evaluation.Images;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

/// <summary>Ctrl+C in every command that may take long: exit code 130, no stack trace, no half a file.</summary>
public sealed class InterruptionTests : IDisposable
{
    /// <summary>Commands that are done before anybody could interrupt them, and report, which keeps its finished studies (<see cref="ReportTests"/>).</summary>
    private static readonly string[] Others = ["info", "tokenize", "models", "methods", "report"];

    private const int SignalOfInterrupt = 2;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Commands => [.. CommandTree.Leaves().Select(leaf => leaf.Path).Except(Others)];

    private static string Model => Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Commands))]
    public void An_interrupted_command_says_so_and_leaves_nothing_unfinished(string path)
    {
        Assert.SkipWhen(path is "vision train" or "study vision" && !FashionMnist.IsInstalled, "Fashion-MNIST is not installed");
        File.WriteAllText(_folder.File("text"), string.Concat(Enumerable.Range(0, 400).Select(i => $"Line {i} of a text. ")));
        WriteTensors();
        string[] before = Directory.GetFileSystemEntries(_folder.Path);

        ToolRun run = new ToolRun("What?\n", new CancellationToken(canceled: true)).Run([.. path.Split(' '), .. Arguments(path)]);

        run.ExitCode.ShouldBe(ExitCodes.Interrupted, run.Out + run.Error);
        run.Error.ShouldContain("interrupted");
        run.Error.ShouldNotContain("internal error");
        run.Error.ShouldNotContain("   at ");
        Directory.GetFileSystemEntries(_folder.Path).ShouldBe(before, ignoreOrder: true);
    }

    [Fact]
    public async Task The_signal_itself_ends_a_process_after_it_has_said_what_it_has()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix signals");
        Assert.SkipWhen(InterruptIsIgnored(), "a shell that started the tests in the background lets them, and what they start, ignore interrupts");
        using Process tool = Process.Start(new ProcessStartInfo("dotnet", [
            Path.Combine(AppContext.BaseDirectory, "Prescore.Cli.dll"), "generate", "The capital of France is", "--max-tokens", "5000", "--ignore-end", "--threads", "1"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var first = new char[4];
        (await tool.StandardOutput.ReadBlockAsync(first, TestContext.Current.CancellationToken)).ShouldBe(4);
        using (Process kill = Process.Start("kill", ["-INT", $"{tool.Id}"]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        string rest = await tool.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string error = await tool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tool.WaitForExitAsync(TestContext.Current.CancellationToken);
        tool.ExitCode.ShouldBe(ExitCodes.Interrupted, error);
        (new string(first) + rest).ShouldStartWith(" Paris");
        error.ShouldContain("; interrupted");
    }

    private static bool InterruptIsIgnored()
    {
        const string Status = "/proc/self/status", Ignored = "SigIgn:";
        return File.Exists(Status)
            && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal)) is string line
            && (Convert.ToUInt64(line[Ignored.Length..].Trim(), 16) & 1UL << (SignalOfInterrupt - 1)) != 0;
    }

    private string[] Arguments(string path) => path switch
    {
        "perplexity" => ["--context", "64", "--methods", "window:w=16", "--json", Out],
        "bench" => ["--data", "gaussian", "--lengths", "64", "--json", Out],
        "advise" => ["--context", "1024", "--json", Out],
        "verify" => [Model, _folder.File("cases.safetensors"), "--json", Out],
        "score" => [_folder.File("qkv.safetensors"), "--scorer", "norm", "--out", Out],
        "attend" => [_folder.File("qkv.safetensors"), "--method", "exact", "--out", Out],
        "vision classify" => [Picture],
        "vision embed" => [Picture, "--out", Out],
        "vision attention" => [Picture, "--out", Out],
        "vision train" => ["--out", Out],
        "generate" => ["Once"],
        "chat" => [],
        "ask" => ["--file", _folder.File("text"), "--no-cache", "What?"],
        "needle" => ["--lengths", "512", "--depths", "2", "--passages", "1", "--json", Out],
        "study agreement" => ["--context", "64", "--prompts", "1", "--json", Out],
        "study coverage" => ["--context", "512", "--json", Out],
        "study tasks" => ["--lengths", "512", "--depths", "2", "--passages", "1", "--json", Out],
        "study layer" => ["--max-length", "1k", "--methods", "window", "--without-libtorch", "--json", Out],
        "study budget" => ["--lengths", "256", "--budgets", "0.5", "--json", Out],
        "study planted" => ["--seeds", "1", "--json", Out],
        "study vision" => ["--images", "2", "--json", Out],
        "convert" => [Model, Out],
        "pull" => ["owner/name"],
        _ => throw new InvalidOperationException($"how is 'prescore {path}' interrupted?"),
    };

    private string Out => _folder.File("out");

    private static string Picture => Directory.GetFiles(Path.Combine(SharedData.Repository, "docs", "images"), "*.png")[0];

    private void WriteTensors()
    {
        var cases = new SafetensorsWriter();
        cases.Add("input_ids", Enumerable.Range(0, 64).ToArray(), 64);
        cases.Add("nll", new float[63], 63);
        cases.Save(_folder.File("cases.safetensors"));
        var tensors = new SafetensorsWriter();
        foreach (string name in new[] { "q", "k", "v" })
        {
            tensors.Add(name, new float[2 * 32 * 8], 2, 32, 8);
        }
        tensors.Save(_folder.File("qkv.safetensors"));
    }
}
