using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

public sealed class ScoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Scores_and_best_keys_are_written_a_head()
    {
        // Norms 1..5 in head 0, 5..1 in head 1.
        float[] keys = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 0, 5, 0, 4, 0, 3, 0, 2, 0, 1];
        string data = Save(keys, 2, 5, 2);
        string output = _folder.File("scores.safetensors");

        ToolRun run = ToolRun.Of("score", data, "--scorer", "norm", "--top", "3", "--out", output);

        run.ExitCode.ShouldBe(0, run.Error);
        using SafetensorsFile file = SafetensorsFile.Open(output);
        file.GetTensor("scores").Shape.ToArray().ShouldBe([2L, 5]);
        file.ReadFloats("scores").ShouldBe([1f, 2, 3, 4, 5, 5, 4, 3, 2, 1]);
        file.GetTensor("top").Shape.ToArray().ShouldBe([2L, 3]);
        file.ReadInt32s("top").ShouldBe([4, 3, 2, 0, 1, 2]);
    }

    [Fact]
    public void A_matrix_is_one_head_and_ties_go_to_the_lower_index()
    {
        string data = Save([1, 2, 1, 2], 4, 1);
        string output = _folder.File("scores.safetensors");

        ToolRun.Of("score", data, "--scorer", "norm", "--top", "3", "--out", output).ExitCode.ShouldBe(0);

        using SafetensorsFile file = SafetensorsFile.Open(output);
        file.ReadInt32s("top").ShouldBe([1, 3, 0]);
    }

    [Fact]
    public void Flat_scores_are_marked()
    {
        ToolRun run = ToolRun.Of("score", Save([1, -1, 1, -1, 1, 1], 6, 1), "--scorer", "norm", "--top", "3");

        run.ExitCode.ShouldBe(0);
        run.Out.ShouldContain("* flat scores");
    }

    [Theory]
    [InlineData("kmeans:score=far", "kmeans-far")]
    [InlineData("kmeans", "kmeans")]
    public void A_clustering_takes_its_formula_as_an_option(string given, string name)
    {
        ToolRun run = ToolRun.Of("score", Save([1, 2, 3, 4, 5, 60], 6, 1), "--scorer", given, "--top", "4");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldStartWith(name + ":");
    }

    [Fact]
    public void Bad_input_is_explained()
    {
        string data = Save([1, 2, 3, float.NaN], 2, 2);
        ToolRun.Of("score", data, "--scorer", "norm").ShouldBeBadInput("'k'", "not finite", "row 1");
        ToolRun.Of("score", data, "--scorer", "nrom").ShouldBeBadInput("did you mean 'norm'?");
        ToolRun.Of("score", data, "--scorer", "kmeans:score=fr").ShouldBeBadInput("did you mean 'far'?");
        ToolRun.Of("score", data, "--scorer", "norm", "--tensor", "keys").ShouldBeBadInput("'keys'", "missing");
        ToolRun.Of("score", data, "--scorer", "norm", "--top", "0").ShouldBeBadInput("--top");
        ToolRun.Of("score", Save([1, 2], 2), "--scorer", "norm").ShouldBeBadInput("[n,d] or [heads,n,d]");
    }

    private string Save(float[] keys, params long[] shape)
    {
        var writer = new SafetensorsWriter();
        writer.Add("k", keys, shape);
        string path = _folder.File($"keys-{string.Join('-', shape)}.safetensors");
        writer.Save(path);
        return path;
    }
}
