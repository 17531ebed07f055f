using System.Text.Json;

namespace Prescore.Tests.Cli;

public class TokenizeTests
{
    [Fact]
    public void Writes_ids_and_pieces_of_the_standard_input()
    {
        ToolRun run = new ToolRun("Hello world\n").Run("tokenize");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldBe("19556\tHello\n905\t world\n198\t\\n\n");
    }

    [Fact]
    public void Json_holds_the_same_tokens()
    {
        JsonElement root = JsonDocument.Parse(new ToolRun("Hello world").Run("tokenize", "--json", "--text", "-").Out).RootElement;

        root.GetProperty("schema_version").GetInt32().ShouldBe(1);
        root.GetProperty("count").GetInt32().ShouldBe(2);
        root.GetProperty("tokens").EnumerateArray()
            .Select(token => (token.GetProperty("id").GetInt32(), token.GetProperty("piece").GetString()))
            .ShouldBe([(19556, "Hello"), (905, " world")]);
    }

    [Fact]
    public void Control_tokens_are_recognised_only_on_demand()
    {
        new ToolRun("<|im_start|>").Run("tokenize", "--special").Out.ShouldBe("1\t<|im_start|>\n");
        new ToolRun("<|im_start|>").Run("tokenize").Out.Split('\n').Length.ShouldBeGreaterThan(3);
    }

    [Fact]
    public void An_empty_text_has_no_tokens()
    {
        ToolRun run = new ToolRun("").Run("tokenize");

        run.ExitCode.ShouldBe(0);
        run.Out.ShouldBe("");
    }

    [Fact]
    public void Missing_files_are_named()
    {
        ToolRun.Of("tokenize", "--text", "missing.txt").ShouldBeBadInput("--text", "missing.txt");
        ToolRun.Of("tokenize", "--model", "missing.gguf").ShouldBeBadInput("--model", "missing.gguf");
    }
}
