using Prescore.Tests.Formats.Gguf;

namespace Prescore.Tests.Cli;

/// <summary>The commands around the cache of models.</summary>
public sealed class PullTests : CacheHomeTests
{
    [Fact]
    public void Fetched_model_is_listed_and_opened_by_its_name()
    {
        string folder = Path.Combine(Home, "models", "owner", "name");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "m.gguf"), TinyGguf.Build());
        ToolRun list = ToolRun.Of("models");
        list.ExitCode.ShouldBe(0, list.Error);
        list.Out.ShouldContain("owner/name:m.gguf");
        list.Out.ShouldContain("SmolLM2-135M-Instruct.Q4_1.gguf");
        ToolRun info = ToolRun.Of("info", "owner/name:m.gguf");
        info.ExitCode.ShouldBe(0, info.Error);
        info.Out.ShouldContain("a.weight");
        ToolRun convert = ToolRun.Of("convert", "owner/name", InHome("out.safetensors"));
        convert.ExitCode.ShouldBe(0, convert.Error);
        ToolRun pull = ToolRun.Of("pull", "owner/name", "--offline");
        pull.ExitCode.ShouldBe(0, pull.Error);
        pull.Out.Trim().ShouldBe(Path.Combine(folder, "m.gguf"));
    }

    [Fact]
    public void Bad_names_are_refused_in_one_line()
    {
        ToolRun.Of("pull", "nonsense").ShouldBeBadInput("'nonsense'", "OWNER/NAME");
        ToolRun.Of("pull", "owner/none", "--offline").ShouldBeBadInput("owner/none", "offline");
        ToolRun.Of("info", "owner/none").ShouldBeBadInput("owner/none");
    }
}
