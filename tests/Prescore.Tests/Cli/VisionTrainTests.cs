using Prescore.Models.Evaluation.Images;

namespace Prescore.Tests.Cli;

/// <summary><c>prescore vision train</c> as its user sees it.</summary>
public class VisionTrainTests
{
    [Fact]
    public void Trains_and_writes_weights_with_their_configuration()
    {
        Assert.SkipUnless(FashionMnist.IsInstalled, "the Debian package dataset-fashion-mnist is not installed");
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PRESCORE_LONG_TESTS") == "1", "takes a minute; set PRESCORE_LONG_TESTS=1 to run it");
        using var folder = new TemporaryFolder();
        ToolRun run = ToolRun.Of("vision", "train", "--out", folder.File("model.safetensors"), "--epochs", "1", "--images", "500");
        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("accuracy on the 10,000 test images");
        Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order().ShouldBe(["config.json", "model.safetensors", "preprocessor_config.json"]);
    }

    [Theory]
    [InlineData("--method", "cluster", "coreset")]
    [InlineData("--method", "prescored:scorer=kmens", "kmeans")]
    [InlineData("--rate", "-1", "above 0")]
    [InlineData("--start", "missing.safetensors", "missing.safetensors")]
    public void Bad_arguments_are_one_line(string option, string value, string named)
    {
        Assert.SkipUnless(FashionMnist.IsInstalled, "the Debian package dataset-fashion-mnist is not installed");
        using var folder = new TemporaryFolder();
        ToolRun.Of("vision", "train", "--out", folder.File("model.safetensors"), option, value).ShouldBeBadInput(named);
        Directory.GetFiles(folder.Path).ShouldBeEmpty();
    }
}
